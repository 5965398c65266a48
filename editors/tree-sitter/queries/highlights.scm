; Made by `python -m neuroscript.highlighting.generate`; do not edit.

(identifier) @variable

["ask" "break" "call" "clear" "clear_error" "continue" "do" "each" "else" "emit" "endevent" "endfor" "endif" "endon" "endwhile" "fail" "for" "if" "in" "must" "mustbe" "on" "on_error" "promptuser" "return" "set" "tool" "while" "whisper"] @keyword
["command" "endcommand" "endfunc" "func" "means" "needs" "optional" "returns"] @keyword.function
["and" "eval" "no" "not" "or" "some" "typeof"] @keyword.operator
["as" "error" "event" "into" "named" "with"] @keyword
["!=" "**" "<=" "==" ">=" "%" "&" "*" "+" "-" "/" "<" "=" ">" "^" "|" "~"] @operator

(soft) @variable
[(true) (false)] @boolean
(nil) @constant.builtin
(number) @number
[(string) (literal_string) (raw_string)] @string
(metadata_line) @attribute
(comment) @comment
(procedure (identifier) @function)
(call_value (name (identifier) @function.call))
(call_value (key (identifier) @function.call .))
((name (identifier) @function.builtin) (#any-of? @function.builtin "acos" "asin" "atan" "cos" "is_bool" "is_error" "is_float" "is_int" "is_list" "is_map" "is_nil" "is_number" "is_string" "len" "ln" "log" "not_empty" "sin" "tan"))
(key (identifier) @property)
(tool (identifier) @module)
(clause (identifier) @variable.parameter)
(named_argument (identifier) @variable.parameter)
