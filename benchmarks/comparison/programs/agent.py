"""An agent: asks a model what to do next, calls the tool that it names, until it answers."""


def agent(questions):
    answers = 0
    calls = 0
    for i in range(questions):
        messages = [{"role": "user", "content": "question " + str(i)}]
        for _ in range(10):
            reply = model(messages)
            if reply.get("tool") is None:
                answers += len(reply["content"])
                break
            messages.append({"role": "assistant", "content": reply["tool"]})
            result = use(reply["tool"], reply["arguments"])
            calls += 1
            messages.append({"role": "tool", "content": str(result)})
    return str(calls) + " calls, " + str(answers) + " characters"


def use(name, arguments):
    if name == "search":
        return search(arguments["text"])
    if name == "add":
        return add(arguments["a"], arguments["b"])
    return "there is no tool " + name
