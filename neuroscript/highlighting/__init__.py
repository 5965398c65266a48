"""Syntax highlighting: what other programs need to colour the language, made from its own tables.

`classes` is the one table of how words are coloured.  `textmate`, `vim` and `tree_sitter` make the grammars in
``editors/`` of it, and of the grammar of the language; `generate` writes them.  `pygments_lexer` is a lexer for
Pygments, found by entry point, which reads text with the language's own lexer.
"""
