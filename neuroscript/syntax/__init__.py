"""The syntax stage of the compiler: turns program text into a syntax tree, or finds the errors in it.

The stages in order: `source` (bytes → text), `lexer` (text → tokens), `nesting` (how deep they go), `parser` (tokens →
tree, over the `tables`), `builder` (the tree's `nodes`).  A program that is refused goes through `errors`.  `generate`
makes the tables from the grammar; `placeholders` reads the placeholders in raw strings.
"""
