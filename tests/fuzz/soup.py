"""Texts that are almost programs: tokens in any order, and programs with errors put in."""

from __future__ import annotations

from random import Random

_WORDS = (
    "acos and as asin ask atan break call clear clear_error command continue cos do each else emit endcommand "
    "endevent endfor endfunc endif endon endwhile error eval event fail false for func fuzzy if in into last len ln "
    "log means must mustbe named needs nil no not on on_error optional or promptuser return returns set sin some tan "
    "timedate tool true typeof whisper while with a b main x0 _ __class__ tool.str.ToUpper tool.list.Append "
    "tool.event.Emit tool.error.New TYPE_NIL system_error system_error_code is_string not_empty e0 "
    '0 1 2.5 1e3 9223372036854775808 00.10 1e999 \'\' "" "a" \'{{a}}\' "\\u0041" "\\ud83d\\ude00" ```{{a}}``` '
    "'''r''' "
    "+ - * / % ** == != < > <= >= & | ^ ~ = ( ) [ ] { } [[ ]] {{ }} , : . :: # -- // \\ ` ' \" ; @ ! ? $ \ufeff é \x00"
)
TOKENS = tuple(_WORDS.split())
SPACES = (" ", " ", " ", "\n", "\n", "", "\\\n", "\r\n", "\t", "\r", "\f", "\u2028", "\v", "\x85", "\n\n")
STARTS = ("func main(needs a) means\n", "command\n", 'on event "e0" as e do\n', ":: k: v\n", "")
ENDS = ("\nendfunc\n", "\nendcommand\n", "\nendon\n", "")
STATEMENTS = (
    *("set x = {}\n", "emit {}\n", "call {}\n", "if {}\nendif\n", "for each x in {}\nendfor\n", "return {}\n"),
    *(
        "for each k, last in {}\nendfor\n",
        "set last = {}\n",
        "emit tool.a.b\n",
        "call f({},)\n",
        "on event {} as with\nendon\n",
    ),
    *("while {}\nbreak\nendwhile\n", "must {}\n", "fail {}\n", "set x[{}].k = 1\n", "on event {} do\nendon\n"),
    *(
        "on error do\n emit {}\n clear_error\nendon\n",
        "ask {} into x\n",
        "whisper self, {}\n",
        "mustbe is_string({})\n",
    ),
)


def soup(random: Random) -> str:
    """Tokens, in some order, with something like the frame of a program round them."""
    words = [random.choice(TOKENS) + random.choice(SPACES) for _ in range(random.randint(0, 40))]
    if random.random() < 0.5:
        place = 0
        while place < len(words):
            size = random.randint(1, 5)
            inside = " ".join(word.strip() for word in words[place : place + size])
            words[place : place + size] = [random.choice(STATEMENTS).replace("{}", inside)]
            place += 1
    return random.choice(STARTS) + "".join(words) + random.choice(ENDS)


def mutated(random: Random, sources: list[bytes]) -> bytes:
    """A program with a few changes: of bytes, of lines, of tokens, or with a piece of another."""
    data = bytearray(random.choice(sources))
    for _ in range(random.randint(1, 6)):
        at = random.randint(0, len(data))
        size = random.choice((1, 1, 2, 5, 20))
        match random.randint(0, 7):
            case 0:
                data[at : at + size] = b""
            case 1:
                data[at:at] = random.randbytes(size)
            case 2:
                data[at:at] = random.choice(TOKENS).encode() + b" "
            case 3:
                other = random.choice(sources)
                start = random.randint(0, len(other))
                data[at : at + size] = other[start : start + random.choice((5, 20, 100))]
            case 4 if data:
                data[at % len(data)] = random.randint(0, 255)
            case 5:
                lines = bytes(data).split(b"\n")
                chosen = random.randrange(len(lines))
                lines.insert(random.randrange(len(lines)), lines[chosen])
                data = bytearray(b"\n".join(lines))
            case 6:
                lines = bytes(data).split(b"\n")
                del lines[random.randrange(len(lines))]
                data = bytearray(b"\n".join(lines))
            case _:
                data[at:at] = bytes(data[at : at + size]) * random.choice((1, 3, 200))
    return bytes(data)
