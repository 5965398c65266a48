" Vim syntax file
" Language: NeuroScript
" Made by `python -m neuroscript.highlighting.generate`; do not edit.

if exists("b:current_syntax")
  finish
endif

syntax case match
syntax sync minlines=200

syntax keyword neuroscriptControl break clear clear_error continue do each else endevent endfor endif endon endwhile fail for if in must mustbe on on_error return while
syntax keyword neuroscriptDefinition endcommand endfunc func means needs optional returns
syntax keyword neuroscriptStatement ask call emit promptuser set whisper
syntax keyword neuroscriptWordOperator and eval no not or some typeof
syntax keyword neuroscriptConstant false nil true
syntax keyword neuroscriptBuiltin acos asin atan cos is_bool is_error is_float is_int is_list is_map is_nil is_number is_string len ln log not_empty sin tan
syntax keyword neuroscriptVariable last system_error system_error_code system_error_message
syntax keyword neuroscriptType TYPE_BOOLEAN TYPE_BYTES TYPE_ERROR TYPE_EVENT TYPE_FUNCTION TYPE_FUZZY TYPE_HANDLE TYPE_LIST TYPE_MAP TYPE_NIL TYPE_NUMBER TYPE_STRING TYPE_TIMEDATE TYPE_TOOL TYPE_UNKNOWN

syntax match neuroscriptSoft /\%(\<on\s\+\)\@<=\<\%(error\|event\)\>/
syntax match neuroscriptSoft /\%(\<clear\s\+\)\@<=\<event\>/
syntax match neuroscriptSoft /\%(\S\s\+\)\@<=\<\%(as\|into\|named\|with\)\>\ze\s\+[^=.,\[(\])]/
syntax match neuroscriptDefinition /^\s*\zs\<command\>\ze\s*\%(#\|--\|\/\/\|$\)/
syntax match neuroscriptProcedure /\%(\<func\s\+\)\@<=\h\w*/
syntax match neuroscriptMember /\.\s*\h\w*/
syntax match neuroscriptTool /\<tool\%(\.\h\w*\)\+/ contains=neuroscriptToolWord
syntax keyword neuroscriptToolWord contained tool
syntax match neuroscriptNumber /\<\d\+\%(\.\d\+\)\?\%([eE][+-]\?\d\+\)\?\>/
syntax match neuroscriptOperator /!=\|\*\*\|<=\|==\|>=\|%\|&\|\*\|+\|-\|\/\|<\|=\|>\|\^\||\|\~/
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
