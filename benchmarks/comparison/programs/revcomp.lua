local PAIRS = {A = "T", C = "G", G = "C", T = "A", N = "N"}

local function add_strand(out, strand)
  strand = strand:reverse():gsub(".", PAIRS)
  for at = 1, #strand, 60 do
    out[#out + 1] = strand:sub(at, at + 59)
  end
end

function revcomp(text)
  local out, strand = {}, ""
  for line in text:gmatch("[^\n]+") do
    if line:sub(1, 1) == ">" then
      if strand ~= "" then
        add_strand(out, strand)
        strand = ""
      end
      out[#out + 1] = line
    else
      strand = strand .. line
    end
  end
  add_strand(out, strand)
  return table.concat(out, "\n")
end
