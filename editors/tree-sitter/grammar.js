// Made by `python -m neuroscript.highlighting.generate` from grammars/neuroscript.lark; do not edit.

module.exports = grammar({
  name: "neuroscript",

  word: $ => $.identifier,

  extras: $ => [/[ \t\f\r\n]/, /\\(\r\n|\r|\n)/, $.comment],

  // A newline ends a statement, and is white space where none can end: src/scanner.c.
  externals: $ => [$._newline],

  rules: {
    program: $ => seq(optional($._newline), repeat($.metadata), optional(choice($.library, $.script))),

    library: $ => repeat1(seq($._definition, optional($._newline))),

    script: $ => repeat1(seq($.command, optional($._newline))),

    _definition: $ => choice($.procedure, $.event_handler),

    metadata: $ => seq($.metadata_line, $._newline),

    procedure: $ => seq("func", $.identifier, optional($.signature), "means", $._newline, repeat($.metadata), optional($.block), "endfunc"),

    signature: $ => choice(seq("(", repeat($.clause), ")"), repeat1($.clause)),

    clause: $ => seq(choice("needs", "optional", "returns"), $.word, repeat(seq(",", $.word))),

    command: $ => seq("command", $._newline, repeat($.metadata), optional($.block), "endcommand"),

    event_handler: $ => seq("on", "event", $._expression, optional($.event_name), optional($.event_variable), optional($._do), $._newline, optional($.block), $._end_event),

    event_name: $ => seq("named", $.string),

    event_variable: $ => seq("as", $.word),

    _do: $ => "do",

    _end_event: $ => choice("endon", "endevent"),

    block: $ => repeat1(seq($._statement, $._newline)),

    _statement: $ => choice($.set_statement, $.call_statement, $.return_statement, $.emit_statement, $.whisper_statement, $.must_statement, $.mustbe_statement, $.fail_statement, $.if_statement, $.while_statement, $.for_statement, $.break_statement, $.continue_statement, $.error_handler, $.event_handler, $.clear_error_statement, $._clear_event_statement, $.ask_statement, $.promptuser_statement),

    set_statement: $ => seq("set", $._target, repeat(seq(",", $._target)), "=", optional("must"), $._expression),

    call_statement: $ => seq("call", $._call),

    return_statement: $ => seq("return", optional(seq($._expression, repeat(seq(",", $._expression))))),

    emit_statement: $ => seq("emit", $._expression),

    whisper_statement: $ => seq("whisper", $._expression, ",", $._expression),

    must_statement: $ => seq("must", $._expression),

    mustbe_statement: $ => seq("mustbe", $._call),

    fail_statement: $ => seq("fail", optional($._expression)),

    if_statement: $ => seq("if", $._expression, $._newline, optional($.block), repeat($.else_if), optional($.else_part), "endif"),

    else_if: $ => seq("else", "if", $._expression, $._newline, optional($.block)),

    else_part: $ => seq("else", $._newline, optional($.block)),

    while_statement: $ => seq("while", $._expression, $._newline, optional($.block), "endwhile"),

    for_statement: $ => seq("for", "each", $.word, optional(seq(",", $.word)), "in", $._expression, $._newline, optional($.block), "endfor"),

    break_statement: $ => "break",

    continue_statement: $ => "continue",

    error_handler: $ => seq($._handler_head, $._newline, optional($.block), "endon"),

    _handler_head: $ => choice(seq("on", "error", "do"), seq("on_error", "means")),

    clear_error_statement: $ => "clear_error",

    clear_event: $ => seq("clear", "event", $._expression),

    clear_named_event: $ => seq("clear", "event", "named", $.string),

    _clear_event_statement: $ => choice($.clear_event, $.clear_named_event),

    ask_statement: $ => seq("ask", $.ask_prompt, optional($.ask_config), optional($.ask_target)),

    ask_prompt: $ => seq($._expression, optional(seq(",", $._expression))),

    ask_config: $ => seq("with", $._expression),

    ask_target: $ => seq("into", $._target),

    promptuser_statement: $ => seq("promptuser", $._expression, "into", $._target),

    target_name: $ => $.word,

    target_key: $ => seq($._target, ".", $.identifier),

    target_index: $ => seq($._target, "[", $._expression, "]"),

    _target: $ => choice($.target_name, $.target_key, $.target_index),

    _expression: $ => $._or_chain,

    or_chain: $ => seq($._and_chain, repeat1(seq("or", $._and_chain))),

    _or_chain: $ => choice($._and_chain, $.or_chain),

    and_chain: $ => seq($._bit_or_chain, repeat1(seq("and", $._bit_or_chain))),

    _and_chain: $ => choice($._bit_or_chain, $.and_chain),

    bit_or_chain: $ => seq($._bit_xor_chain, repeat1(seq("|", $._bit_xor_chain))),

    _bit_or_chain: $ => choice($._bit_xor_chain, $.bit_or_chain),

    bit_xor_chain: $ => seq($._bit_and_chain, repeat1(seq("^", $._bit_and_chain))),

    _bit_xor_chain: $ => choice($._bit_and_chain, $.bit_xor_chain),

    bit_and_chain: $ => seq($._equality_chain, repeat1(seq("&", $._equality_chain))),

    _bit_and_chain: $ => choice($._equality_chain, $.bit_and_chain),

    equality_chain: $ => seq($._order_chain, repeat1(seq(choice("==", "!="), $._order_chain))),

    _equality_chain: $ => choice($._order_chain, $.equality_chain),

    order_chain: $ => seq($._sum_chain, repeat1(seq(choice("<", ">", "<=", ">="), $._sum_chain))),

    _order_chain: $ => choice($._sum_chain, $.order_chain),

    sum_chain: $ => seq($._product_chain, repeat1(seq(choice("+", "-"), $._product_chain))),

    _sum_chain: $ => choice($._product_chain, $.sum_chain),

    product_chain: $ => seq($._unary, repeat1(seq(choice("*", "/", "%"), $._unary))),

    _product_chain: $ => choice($._unary, $.product_chain),

    prefix: $ => seq(choice("-", "not", "no", "some", "~", "typeof"), $._unary),

    _unary: $ => choice($._power, $.prefix),

    raised: $ => seq($._postfix, "**", $._power),

    _power: $ => choice($._postfix, $.raised),

    index: $ => seq($._postfix, "[", $._expression, "]"),

    key: $ => seq($._postfix, ".", $.identifier),

    _postfix: $ => choice($._atom, $._call, $.index, $.key),

    call_value: $ => seq($._postfix, "(", optional($.arguments), ")"),

    call_eval: $ => seq("eval", "(", $._expression, ")"),

    _call: $ => choice($.call_value, $.call_eval),

    arguments: $ => choice(seq($._expression, repeat(seq(",", $._expression)), repeat(seq(",", $.named_argument)), optional(",")), seq($.named_argument, repeat(seq(",", $.named_argument)), optional(","))),

    named_argument: $ => seq($.word, ":", $._expression),

    name: $ => choice($.identifier, $.soft),

    tool: $ => seq("tool", ".", $.identifier),

    literal: $ => choice($.number, $.string, $.literal_string),

    raw: $ => $.raw_string,

    true: $ => "true",

    false: $ => "false",

    nil: $ => "nil",

    list: $ => seq("[", optional(seq($._expression, repeat(seq(",", $._expression)), optional(","))), "]"),

    map: $ => seq("{", optional(seq($.map_entry, repeat(seq(",", $.map_entry)), optional(","))), "}"),

    parenthesised: $ => seq("(", $._expression, ")"),

    _atom: $ => choice($.name, $.tool, $.literal, $.raw, $.true, $.false, $.nil, $.list, $.map, $.parenthesised),

    map_entry: $ => seq($._expression, ":", $._expression),

    word: $ => choice($.identifier, $.soft),

    soft: $ => choice("as", "command", "error", "event", "into", "named", "with"),

    identifier: $ => /[A-Za-z_][A-Za-z0-9_]*/,

    number: $ => /[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?/,

    string: $ => /"([^"\\\r\n]|\\(\r?\n|\r|.))*"|'([^'\\\r\n]|\\(\r?\n|\r|.))*'/,

    raw_string: $ => token(prec(1, /```([^`]|`[^`]|``[^`])*```/)),

    literal_string: $ => token(prec(1, /'''([^']|'[^']|''[^'])*'''/)),

    metadata_line: $ => /::([^\\\r\n]|\\(\r?\n|\r|.))*/,

    comment: $ => /(#|--|\/\/)[^\r\n]*/,
  },
});
