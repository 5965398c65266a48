local function use(name, arguments)
  if name == "search" then
    return search(arguments.text)
  elseif name == "add" then
    return add(arguments.a, arguments.b)
  end
  return "there is no tool " .. name
end

function agent(questions)
  local answers, calls = 0, 0
  for i = 0, questions - 1 do
    local messages = {{role = "user", content = "question " .. i}}
    for _ = 1, 10 do
      local reply = model(messages)
      if not reply.tool then
        answers = answers + #reply.content
        break
      end
      messages[#messages + 1] = {role = "assistant", content = reply.tool}
      local result = use(reply.tool, reply.arguments)
      calls = calls + 1
      messages[#messages + 1] = {role = "tool", content = tostring(result)}
    end
  end
  return calls .. " calls, " .. answers .. " characters"
end
