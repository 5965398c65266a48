" Settings for NeuroScript

if exists("b:did_ftplugin")
  finish
endif
let b:did_ftplugin = 1

setlocal commentstring=#\ %s comments=:#,:--,:// expandtab shiftwidth=2 softtabstop=2
setlocal suffixesadd=.ns
let b:undo_ftplugin = "setlocal commentstring< comments< expandtab< shiftwidth< softtabstop< suffixesadd<"

" `gq` and `=` lay the whole buffer out: :%!neuroscript fmt -
if executable("neuroscript")
  setlocal formatprg=neuroscript\ fmt\ -
  let b:undo_ftplugin .= " formatprg<"
endif

" Pairs for the matchit plugin: % goes from `if` to `else` to `endif`.
let b:match_ignorecase = 0
let b:match_words =
      \ '^\s*\<func\>:\<endfunc\>,^\s*\<command\>:\<endcommand\>,' .
      \ '\%(\<else\s\+\)\@<!\<if\>:\<else\>:\<endif\>,\<while\>:\<endwhile\>,' .
      \ '\<for\>:\<endfor\>,\<on\>\|\<on_error\>:\<endon\>\|\<endevent\>'
let b:undo_ftplugin .= " | unlet! b:match_words b:match_ignorecase"
