"""The scripts by which shells complete the command's words; each asks ``neuroscript completions --words``.

The words are found while the command line is typed, since packages bring sub-commands, and workers come and go.
"""

from __future__ import annotations

BASH = r"""
# neuroscript completions bash > ~/.local/share/bash-completion/completions/neuroscript
_neuroscript() {
    local line file current=${COMP_WORDS[COMP_CWORD]} kind
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :files | :directories)
                [ "$line" = :files ] && kind=-f || kind=-d
                while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen "$kind" -- "$current")
                compopt -o filenames 2>/dev/null ;;  # bash quotes them itself
            *) printf -v line %q "${line%%$'\t'*}"; COMPREPLY+=("$line") ;;
        esac
    done < <(printf '%s\n' "${COMP_WORDS[@]:1:COMP_CWORD}" | neuroscript completions --words 2>/dev/null)
}
complete -F _neuroscript neuroscript
"""

ZSH = r"""
#compdef neuroscript
# neuroscript completions zsh > a directory of $fpath/_neuroscript
_neuroscript() {
    local line
    local -a described
    for line in "${(@f)$(print -rl -- "${(@)words[2,CURRENT]}" | neuroscript completions --words 2>/dev/null)}"; do
        case $line in
            '') ;;
            :files) _files ;;
            :directories) _files -/ ;;
            *$'\t'*) described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
            *) described+=("${line//:/\\:}") ;;
        esac
    done
    (( ${#described} )) && _describe 'neuroscript' described
}
if [ "$funcstack[1]" = _neuroscript ]; then
    _neuroscript "$@"
else
    compdef _neuroscript neuroscript
fi
"""

FISH = r"""
# neuroscript completions fish > ~/.config/fish/completions/neuroscript.fish
function __neuroscript_words
    set -l typed (commandline -opc) (commandline -ct)
    for line in (printf '%s\n' $typed[2..-1] | neuroscript completions --words 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (commandline -ct)
            case :directories
                __fish_complete_directories (commandline -ct) ''
            case '*'
                printf '%s\n' $line
        end
    end
end
complete -c neuroscript -f -a '(__neuroscript_words)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
"""The script of each shell."""
