"""Text → syntax tree.

The stages in order: `source` (bytes → text), `lexer` (text → tokens), `nesting` (how deep they go), `parser` (tokens →
tree, over the tables in `_tables`), `builder` (the tree's `nodes`).  A program that is refused goes through `recovery`
(where the errors are, on the `stack`), `lexical` and `advice` (what is meant, from `habits`), and `diagnostics` (in
words).  `generate` makes the tables from the grammar; `placeholders` reads those in raw strings.
"""
