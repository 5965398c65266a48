"""``neuroscript log``: the user's log of prompts and replies."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ai_wm.cli.moments import moment
from ai_wm.store.prompt_log import LoggedCall, PromptLog, is_on, log_path, turn
from neuroscript import NeuroScriptError
from neuroscript.cli import (
    FAILED,
    OK,
    UsageError,
    add_format,
    complain,
    explain,
    print_json,
    visible,
    whole_number,
    write_line,
)

SUMMARY = "look through what workers were asked and answered, if that is kept"

_LISTED = 20
_PROMPT = 60


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the actions and their arguments."""
    parser.set_defaults(work=_status)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")

    def action(name: str, work: Callable[[PromptLog, argparse.Namespace], int], summary: str) -> Any:
        made = actions.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        made.set_defaults(work=work)
        return made

    action("on", _on, "keep prompts and replies from now on, in a file that only you can read")
    action("off", _off, "keep no more of them; what was kept stays")
    listing = action("list", _list, "list calls, the newest first")
    _add_choice(listing)
    listing.add_argument(
        "--limit", metavar="N", type=whole_number, default=_LISTED, help=f"at most so many (default: {_LISTED})"
    )
    add_format(listing)
    showing = action("show", _show, "show a call in full")
    showing.add_argument(
        "number", metavar="NUMBER", type=whole_number, nargs="?", help="its number (default: the last)"
    )
    add_format(showing)
    exporting = action("export", _export, "write calls to standard output, the oldest first")
    _add_choice(exporting)
    exporting.add_argument(
        "--format", choices=("jsonl", "markdown"), default="jsonl", help="JSON lines (default), or Markdown"
    )
    clearing = action("clear", _clear, "remove calls from the log for good")
    clearing.add_argument(
        "--before", metavar="TIME", type=moment, help="only those that are older than this: 2025-06-15, 30d"
    )
    clearing.add_argument("--yes", action="store_true", help="do not ask")


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", nargs="?", default="", help="only those in which this occurs")
    parser.add_argument("-w", "--worker", metavar="NAME", default="", help="only those that this worker answered")
    parser.add_argument(
        "--since", metavar="TIME", type=moment, help="no older than this: 2025-06-15, 2025-06-15T09:30:00Z, or 90m, 2d"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the action that the options name; returns the exit status."""
    try:
        return int(options.work(PromptLog(log_path()), options))
    except NeuroScriptError as error:
        sys.stdout.flush()
        write_line(sys.stderr, explain(error, {}))
        return FAILED


# --- actions ---


def _status(log: PromptLog, options: argparse.Namespace) -> int:
    count = len(log.calls())
    write_line(sys.stdout, f"the log is {'on' if is_on() else 'off'}: {_counted(count)} in {log.path}")
    if not is_on():
        write_line(sys.stdout, "to keep prompts and replies from now on: neuroscript log on")
    return OK


def _on(log: PromptLog, options: argparse.Namespace) -> int:
    turn(True)
    write_line(sys.stdout, f"prompts and replies are kept from now on, in {log.path}")
    return OK


def _off(log: PromptLog, options: argparse.Namespace) -> int:
    turn(False)
    kept = len(log.calls())
    write_line(sys.stdout, "prompts and replies are not kept any more")
    if kept:
        verb = "stays" if kept == 1 else "stay"
        write_line(sys.stdout, f"{_counted(kept)} {verb} in the log (to remove what is there: neuroscript log clear)")
    return OK


def _list(log: PromptLog, options: argparse.Namespace) -> int:
    found = log.calls(options.text, worker=options.worker, since=_text_of(options.since), limit=options.limit)
    if options.format == "jsonl":
        for number, call in found:
            print_json(_row(number, call))
        return OK
    if not found:
        _tell_none(log, options)
        return OK
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    names = max(len(call.worker) for _, call in found)
    digits = max(len(str(number)) for number, _ in found)
    for number, call in found:
        begin = f"{number:{digits}}  {_minute(call.time)}  {call.worker:{names}}  "
        text = " ".join(call.prompt.split())
        mark = "(failed) " if call.error else ""
        line = visible(f"{begin}{mark}{text}")
        write_line(sys.stdout, line if width is None or len(line) <= width else f"{line[: width - 1]}…")
    return OK


def _show(log: PromptLog, options: argparse.Namespace) -> int:
    if options.number is None:
        found = log.calls(limit=1)
        if not found:
            _tell_none(log, options)
            return FAILED
        number, call = found[0]
    else:
        chosen, number = log.call(options.number), options.number
        if chosen is None:
            complain(f"there is no call {number} in the log (neuroscript log list)")
            return FAILED
        call = chosen
    if options.format == "jsonl":
        print_json(_row(number, call))
    else:
        write_line(sys.stdout, _page(number, call, "{}:", "  "))
    return OK


def _export(log: PromptLog, options: argparse.Namespace) -> int:
    found = log.calls(options.text, worker=options.worker, since=_text_of(options.since))
    for number, call in reversed(found):
        if options.format == "jsonl":
            print_json(_row(number, call))
        else:
            write_line(sys.stdout, _page(number, call, "## {}\n", "") + "\n")
    return OK


def _clear(log: PromptLog, options: argparse.Namespace) -> int:
    before = _text_of(options.before)
    if not options.yes:
        if not sys.stdin.isatty():
            raise UsageError("there is no terminal to ask on; say --yes if those calls may be removed")
        sys.stdout.flush()
        sys.stderr.write(f"Remove {'calls' if before else 'all calls'} from {log.path} for good? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            complain("nothing was removed")
            return FAILED
    write_line(sys.stdout, f"removed {_counted(log.clear(before))}")
    return OK


# --- helpers ---


def _tell_none(log: PromptLog, options: argparse.Namespace) -> None:
    if log.calls(limit=1):
        complain("there are no calls like that in the log")
    else:
        complain(
            "there are no calls in the log" + ("" if is_on() else "; to keep them from now on: neuroscript log on")
        )


def _counted(number: int) -> str:
    return f"{number} call{'' if number == 1 else 's'}"


def _row(number: int, call: LoggedCall) -> dict[str, Any]:
    return {"number": number, **asdict(call)}


def _page(number: int, call: LoggedCall, heading: str, indent: str) -> str:
    """A call as text, each part under a heading."""
    parts = [("Prompt", call.prompt), ("Reply", call.reply), ("Error", call.error)]
    before = [("System", call.system), ("Context", call.context), ("Attachments", call.attachments)]
    used = f"{call.input_tokens} tokens in, {call.output_tokens} out, cost {call.cost:g}, {call.duration_ms} ms"
    title = f"{number}: {call.worker} ({call.model}), {_minute(call.time)}"
    rows = [title if indent else f"# {title}", used, ""]
    for name, text in [*before, *parts]:
        if text:
            rows += [heading.format(name), *(f"{indent}{line}" for line in text.rstrip("\n").split("\n")), ""]
    return "\n".join(rows).rstrip("\n")


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")


def _text_of(when: datetime | None) -> str:
    return "" if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
