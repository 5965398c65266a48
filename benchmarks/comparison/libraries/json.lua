-- Lua has no JSON of its own; this is the little of it that the programs need.
local ESCAPES = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t"}
local read

local function read_string(text, at)
  local stop = text:find('["\\]', at)
  if text:sub(stop, stop) == '"' then return text:sub(at, stop - 1), stop + 1 end
  local parts = {}
  while text:sub(stop, stop) == "\\" do
    local c = text:sub(stop + 1, stop + 1)
    parts[#parts + 1] = text:sub(at, stop - 1) .. (ESCAPES[c] or c)
    at = stop + 2
    stop = text:find('["\\]', at)
  end
  parts[#parts + 1] = text:sub(at, stop - 1)
  return table.concat(parts), stop + 1
end

local function read_list(text, at)
  local list = {}
  at = text:find("%S", at)
  if text:sub(at, at) == "]" then return list, at + 1 end
  while true do
    list[#list + 1], at = read(text, at)
    at = text:find("%S", at)
    if text:sub(at, at) == "]" then return list, at + 1 end
    at = at + 1
  end
end

local function read_map(text, at)
  local map = {}
  at = text:find("%S", at)
  if text:sub(at, at) == "}" then return map, at + 1 end
  while true do
    local key
    key, at = read_string(text, text:find('"', at) + 1)
    map[key], at = read(text, text:find(":", at) + 1)
    at = text:find("%S", at)
    if text:sub(at, at) == "}" then return map, at + 1 end
    at = at + 1
  end
end

function read(text, at)
  at = text:find("%S", at)
  local c = text:sub(at, at)
  if c == '"' then return read_string(text, at + 1) end
  if c == "[" then return read_list(text, at + 1) end
  if c == "{" then return read_map(text, at + 1) end
  if c == "t" then return true, at + 4 end
  if c == "f" then return false, at + 5 end
  if c == "n" then return nil, at + 4 end
  local number, stop = text:match("^(-?[0-9.eE+-]+)()", at)
  return tonumber(number), stop
end

local function write(value)
  if type(value) == "string" then
    return '"' .. value:gsub('["\\]', "\\%0") .. '"'
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  if value[1] ~= nil or next(value) == nil then
    for i, item in ipairs(value) do parts[i] = write(item) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key, item in pairs(value) do parts[#parts + 1] = write(key) .. ":" .. write(item) end
  return "{" .. table.concat(parts, ",") .. "}"
end

json = {
  decode = function(text) return (read(text, 1)) end,
  encode = write,
}
