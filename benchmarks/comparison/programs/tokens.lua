local function is_letter(c)
  return c >= "a" and c <= "z" or c == "_"
end

local function is_digit(c)
  return c >= "0" and c <= "9"
end

function tokens(source)
  local found, size, i = {}, #source, 1
  while i <= size do
    local c, start, kind = source:sub(i, i), i, nil
    i = i + 1
    if c ~= " " and c ~= "\n" then
      if is_letter(c) then
        while i <= size and (is_letter(source:sub(i, i)) or is_digit(source:sub(i, i))) do i = i + 1 end
        kind = "name"
      elseif is_digit(c) then
        while i <= size and is_digit(source:sub(i, i)) do i = i + 1 end
        kind = "number"
      elseif c == "'" then
        while i <= size and source:sub(i, i) ~= "'" do i = i + 1 end
        i = i + 1
        kind = "text"
      else
        kind = "sign"
      end
      found[#found + 1] = {kind = kind, text = source:sub(start, i - 1), start = start}
    end
  end
  local counts = {name = 0, number = 0, text = 0, sign = 0}
  for _, token in ipairs(found) do
    counts[token.kind] = counts[token.kind] + 1
  end
  return table.concat({counts.name, counts.number, counts.text, counts.sign, found[#found].text}, " ")
end
