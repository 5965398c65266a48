"""The syntax file of Vim and Neovim."""

from __future__ import annotations

from neuroscript.highlighting import classes

_HEADER = """\
" Vim syntax file
" Language: NeuroScript
" Made by `python -m neuroscript.highlighting.generate`; do not edit.

if exists("b:current_syntax")
  finish
endif

syntax case match
syntax sync minlines=200
"""

_RULES = r"""
syntax match neuroscriptSoft /\%(\<on\s\+\)\@<=\<\%(error\|event\)\>/
syntax match neuroscriptSoft /\%(\<clear\s\+\)\@<=\<event\>/
syntax match neuroscriptSoft /\%(\S\s\+\)\@<=\<\%(SOFT\)\>\ze\s\+[^=.,\[(\])]/
syntax match neuroscriptDefinition /^\s*\zs\<command\>\ze\s*\%(#\|--\|\/\/\|$\)/
syntax match neuroscriptProcedure /\%(\<func\s\+\)\@<=\h\w*/
syntax match neuroscriptMember /\.\s*\h\w*/
syntax match neuroscriptTool /\<tool\%(\.\h\w*\)\+/ contains=neuroscriptToolWord
syntax keyword neuroscriptToolWord contained tool
syntax match neuroscriptNumber /\<\d\+\%(\.\d\+\)\?\%([eE][+-]\?\d\+\)\?\>/
syntax match neuroscriptOperator /SIGNS/
syntax match neuroscriptComment /\%(#\|--\|\/\/\).*$/ contains=@Spell
syntax region neuroscriptMetadata start=/^\s*::/ skip=/\\$/ end=/$/ keepend contains=neuroscriptKey
syntax match neuroscriptKey contained /\%(::\s*\)\@<=[A-Za-z0-9_.:-]*[A-Za-z0-9_.-]/
syntax match neuroscriptEscape contained /\\\%(u\x\{4}\|x\x\{2}\|\o\{2,3}\|.\)/
syntax match neuroscriptPlaceholder contained /{{[^{}]*}}/
syntax region neuroscriptString start=/"/ skip=/\\\\\|\\"\|\\$/ end=/"\|$/ keepend contains=neuroscriptEscape,@Spell
syntax region neuroscriptString start=/'/ skip=/\\\\\|\\'\|\\$/ end=/'\|$/ keepend contains=neuroscriptEscape,@Spell
syntax region neuroscriptRaw start=/```/ end=/```/ contains=neuroscriptPlaceholder,@Spell
syntax region neuroscriptString start=/'''/ end=/'''/ contains=@Spell

highlight default link neuroscriptControl Statement
highlight default link neuroscriptDefinition Keyword
highlight default link neuroscriptStatement Statement
highlight default link neuroscriptSoft Statement
highlight default link neuroscriptWordOperator Operator
highlight default link neuroscriptOperator Operator
highlight default link neuroscriptConstant Constant
highlight default link neuroscriptBuiltin Function
highlight default link neuroscriptProcedure Function
highlight default link neuroscriptVariable Identifier
highlight default link neuroscriptType Type
highlight default link neuroscriptTool Function
highlight default link neuroscriptToolWord Include
highlight default link neuroscriptNumber Number
highlight default link neuroscriptComment Comment
highlight default link neuroscriptMetadata PreProc
highlight default link neuroscriptKey Label
highlight default link neuroscriptString String
highlight default link neuroscriptRaw String
highlight default link neuroscriptEscape SpecialChar
highlight default link neuroscriptPlaceholder Special

let b:current_syntax = "neuroscript"
"""


def syntax() -> str:
    """The text of the file ``syntax/neuroscript.vim``."""
    groups = (
        ("Control", classes.CONTROL),
        ("Definition", classes.DEFINITION),
        ("Statement", classes.STATEMENT),
        ("WordOperator", classes.OPERATOR),
        ("Constant", classes.CONSTANT),
        ("Builtin", classes.BUILTIN_FUNCTIONS),
        ("Variable", classes.VARIABLES),
        ("Type", classes.TYPES),
    )
    keywords = "".join(f"syntax keyword neuroscript{name} {' '.join(sorted(words))}\n" for name, words in groups)
    soft = r"\|".join(sorted(classes.SOFT - classes.AFTER.keys() - {"command"}))
    signs = r"\|".join("".join(f"\\{c}" if c in r"/*~^[]$." else c for c in sign) for sign in classes.OPERATOR_SIGNS)
    return _HEADER + "\n" + keywords + _RULES.replace("SOFT", soft).replace("SIGNS", signs)
