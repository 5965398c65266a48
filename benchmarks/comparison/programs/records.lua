local function contains(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then return true end
  end
  return false
end

function records(n)
  local people, depts, out = {}, {}, {}
  for i = 0, n - 1 do
    people[#people + 1] = {id = i, name = "p" .. i % 37, dept = i % 7, pay = 1000 + (i * 53) % 900, tags = {}}
  end
  for _, person in ipairs(people) do
    if person.pay > 1500 then
      table.insert(person.tags, "high")
      person.pay = person.pay - 100
    end
    local key = "d" .. person.dept
    depts[key] = depts[key] or {pay = 0, names = {}}
    local dept = depts[key]
    dept.pay = dept.pay + person.pay
    if not contains(dept.names, person.name) then table.insert(dept.names, person.name) end
  end
  for key, dept in pairs(depts) do out[#out + 1] = key .. "=" .. dept.pay .. "/" .. #dept.names end
  table.sort(out)
  return table.concat(out, " ")
end
