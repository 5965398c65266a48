"""Syntax errors: where they are, what was meant, and how to say so.

`recovery` finds the errors of a program, on a parser's `stack` that can be asked what could come next.  `lexical`
explains characters that make no token, `hints` and `foreign_syntax` what is probably meant (from the tables of
`common_mistakes`, by rules over a `context`), and `diagnostics` puts it into words.  `completeness` tells an error from
an input that needs more lines.
"""
