"""The page of the commands: what ``--help`` shows of each command and each of its actions."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from generators import NOTE
from neuroscript.cli import app

_HELP = argparse._HelpAction
_ACTIONS = argparse._SubParsersAction


def commands_page() -> str:
    """A section for each command, its usage, arguments and options."""
    names = app.command_names()
    parsers = {name: parser_of(name) for name in names}
    return "\n".join(
        [
            NOTE,
            "# Commands\n",
            "Every command with its actions, arguments and options. [The command line](../cli.md) says how they are",
            "used.\n",
            "| command | what it does |",
            "| --- | --- |",
            *(f"| [`{name}`](#neuroscript-{name}) | {_cell(app.find(name).SUMMARY)} |" for name in names),
            "",
            "The exit status is 0 for done, 1 for a program or an action that failed, 2 for wrong usage, 3 for a",
            "program that cannot be loaded, 5 where there are no tests, and 130 or 143 after an interrupt.\n",
            *(section for name, parser in parsers.items() for section in _sections(parser, f"neuroscript {name}", 2)),
        ]
    )


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of a command."""
    return app.make_parser(name, app.find(name))


def _sections(parser: argparse.ArgumentParser, title: str, level: int) -> Iterator[str]:
    yield f"{'#' * level} {title}\n"
    if parser.description:
        yield _text(parser.description) + "\n"
    nested = [action for action in parser._actions if isinstance(action, _ACTIONS)]
    yield f"```text\n{_usage(parser, title)}\n```\n"
    for group in parser._action_groups:
        shown = [
            one for one in group._group_actions if not isinstance(one, (_HELP, _ACTIONS)) and one.help != "==SUPPRESS=="
        ]
        if shown:
            own = group.title not in ("positional arguments", "options", "optional arguments")
            head = f"{group.title}: {group.description}" if own and group.description else group.title if own else ""
            if head:
                yield f"**{_text(str(head))}**\n"
            kind = "option" if shown[0].option_strings else "argument"
            yield "\n".join([f"| {kind} | what it says |", "| --- | --- |", *map(_row, shown), ""])
    for actions in nested:
        seen: set[int] = set()
        for name, inner in actions.choices.items():
            if id(inner) not in seen:  # an alias is the same parser
                seen.add(id(inner))
                yield from _sections(inner, f"{title} {name}", level + 1)


def _usage(parser: argparse.ArgumentParser, title: str) -> str:
    """The usage in one line: options are listed below it."""
    words = [title]
    if any(one.option_strings and not isinstance(one, _HELP) for one in parser._actions):
        words.append("[OPTION …]")
    for one in parser._actions:
        if isinstance(one, _ACTIONS):
            words.append(f"{one.metavar or 'ACTION'} …")
        elif not one.option_strings:
            name = _metavar(one)
            plural = {"*": f"[{name} …]", "?": f"[{name}]", "+": f"{name} …", None: name}
            words.append(plural.get(one.nargs, name) if not isinstance(one.nargs, int) else name)
    return " ".join(words)


def _metavar(action: argparse.Action) -> str:
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    if action.metavar:
        return action.metavar
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper() if action.option_strings else action.dest


def _row(action: argparse.Action) -> str:
    takes = "" if action.nargs == 0 else _metavar(action)
    names = [f"{name} {takes}".strip() for name in action.option_strings] or [takes]
    words = (action.help or "") % {**vars(action), "prog": "neuroscript"}
    if action.nargs == "?" and action.option_strings:
        names = [f"{name} [{takes}]" for name in action.option_strings]
    return f"| {', '.join('`' + name.replace('|', chr(92) + '|') + '`' for name in names)} | {_cell(words)} |"


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|")


def _text(text: str) -> str:
    """A help text as Markdown: what Markdown or HTML would take for markup is shown as it is."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else re.sub(r"([*_<\[\]])", r"\\\1", part) for part in parts)
