autocmd BufNewFile,BufRead *.ns setfiletype neuroscript
