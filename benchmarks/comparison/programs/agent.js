function agent(questions) {
  let answers = 0, calls = 0;
  for (let i = 0; i < questions; i++) {
    const messages = [{role: "user", content: "question " + i}];
    for (let turn = 0; turn < 10; turn++) {
      const reply = model(messages);
      if (!reply.tool) {
        answers += reply.content.length;
        break;
      }
      messages.push({role: "assistant", content: reply.tool});
      const result = use(reply.tool, reply.arguments);
      calls++;
      messages.push({role: "tool", content: String(result)});
    }
  }
  return calls + " calls, " + answers + " characters";
}

function use(name, given) {
  if (name === "search") return search(given.text);
  if (name === "add") return add(given.a, given.b);
  return "there is no tool " + name;
}
