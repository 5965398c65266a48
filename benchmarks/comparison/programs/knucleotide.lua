local function counted(strand, size)
  local counts = {}
  for i = 1, #strand - size + 1 do
    local piece = strand:sub(i, i + size - 1)
    counts[piece] = (counts[piece] or 0) + 1
  end
  return counts
end

local function frequencies(strand, size)
  local rows, total = {}, #strand - size + 1
  for piece, count in pairs(counted(strand, size)) do
    rows[#rows + 1] = {piece = piece, count = count}
  end
  table.sort(rows, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return a.piece < b.piece
  end)
  local out = {}
  for i, row in ipairs(rows) do
    out[i] = string.format("%s %.3f", row.piece, 100 * row.count / total)
  end
  return table.concat(out, "\n")
end

function knucleotide(strand)
  local out = {frequencies(strand, 1), frequencies(strand, 2)}
  for _, wanted in ipairs({"GGT", "GGTA", "GGTATT"}) do
    local counts = counted(strand, #wanted)
    out[#out + 1] = (counts[wanted] or 0) .. " " .. wanted
  end
  return table.concat(out, "\n\n")
end
