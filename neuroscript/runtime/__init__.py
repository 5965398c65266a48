"""What generated code calls: names, operators, containers, tools, and the budget of a run."""
