"""``neuroscript workers``: the AI workers of a directory, what they did and what they cost."""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ai_wm.cli import adding
from ai_wm.cli.arguments import json_object
from ai_wm.cli.moments import moment, seconds
from ai_wm.cli.places import has_workers, no_workers, worker_names
from ai_wm.support.ids import ExactId
from neuroscript import NeuroScriptError
from neuroscript.cli import (
    FAILED,
    OK,
    Finding,
    UsageError,
    add_format,
    add_workers,
    complain,
    existing_directory,
    explain,
    find_place,
    log_to_standard_error,
    print_json,
    sandbox_directory,
    set_completer,
    whole_number,
    write,
    write_line,
)

if TYPE_CHECKING:
    from ai_wm.data.types import AIWorkerDefinition
    from ai_wm.manager import AIWorkerManager
    from neuroscript import Interpreter
    from neuroscript.cli import WorkersPlace

SUMMARY = "look after the AI workers of a directory"

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_FORMULA = re.compile(r"[\t\r]|[\s\x00-\x1f\x7f-\xa0\u200b-\u200f\u2060\ufeff]*+[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""The characters at the beginning of a text that make a spreadsheet compute it."""

CSV_COLUMNS = (
    "task_id",
    "instance_id",
    "definition_id",
    "timestamp_start",
    "timestamp_end",
    "duration_ms",
    "success",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost_incurred",
    "cost_source",
    "finish_reason",
    "model_used",
    "rating",
    "output_summary",
    "error_details",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the actions and their arguments."""
    common = argparse.ArgumentParser(add_help=False)
    # Before the action or after it; what is not given after it must not undo what stood before.
    for each, default in ((parser, None), (common, argparse.SUPPRESS)):
        add_workers(each, default)
        each.add_argument(
            "--sandbox",
            metavar="DIR",
            default=default,
            help="the sandbox directory of programs, where their workers are too if neither --workers nor "
            "$NEUROSCRIPT_WORKERS names another",
        )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, work: Callable[[AIWorkerManager, argparse.Namespace], int], summary: str) -> Any:
        made = actions.add_parser(
            name, parents=[common], help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        made.set_defaults(work=work, makes=name == "add")
        return made

    listing = action("list", _list, "list the workers")
    listing.add_argument("--status", choices=("active", "disabled", "archived"), help="only those with this status")
    listing.add_argument("--provider", metavar="NAME", help="only those of this provider")
    listing.add_argument("--name", metavar="TEXT", help="only those whose name contains this text")
    listing.add_argument("--removed", action="store_true", help="those that were removed and have records")
    add_format(listing)

    showing = action("show", _show, "show all that is known of a worker")
    _worker(showing, "name", "its name or id")
    add_format(showing)

    records = action("records", _records, "show the records of a worker's tasks, the newest first")
    _worker(records, "name", "its name or id; those of removed workers too")
    records.add_argument(
        "--since", metavar="TIME", type=moment, help="no older than this: 2025-06-15, 2025-06-15T09:30:00Z, or 90m, 2d"
    )
    records.add_argument("--until", metavar="TIME", type=moment, help="no newer than this")
    records.add_argument("--failed", action="store_true", help="only tasks that failed")
    records.add_argument(
        "--search",
        metavar="TEXT",
        help="only those with this text, in whatever case: in the beginning of the output, the error, the ids, the "
        "model, the finish reason or the feedback",
    )
    records.add_argument("--limit", metavar="N", type=_count, help="at most so many, 1 or more")
    records.add_argument(
        "--format", choices=("text", "jsonl", "csv"), default="text", help="a table (default), JSON lines, or CSV"
    )

    reporting = action(
        "report", _report, "write a page about the workers' tasks: cost, tokens, latency, quality, success"
    )
    _worker(reporting, "names", "names or ids (default: all workers)", nargs="*")
    reporting.add_argument(
        "--html", metavar="FILE", required=True, help="the file to write, readable for you alone; - is standard output"
    )
    reporting.add_argument("--since", metavar="TIME", type=moment, help="from this moment on (default: 30 days)")
    reporting.add_argument("--until", metavar="TIME", type=moment, help="up to this moment (default: now)")

    watching = action("top", _top, "watch the workers of all processes at work: limits, cost, latency, errors")
    watching.add_argument(
        "--every", metavar="SECONDS", type=seconds, default=2.0, help="time between looks (default: 2)"
    )
    watching.add_argument("--once", action="store_true", help="look once and print a table, on no terminal too")
    add_format(watching)

    summing = action("summary", _summary, "show what the workers' tasks add up to")
    _worker(summing, "names", "names or ids (default: all workers)", nargs="*")
    add_format(summing)

    what = 'a JSON object such as \'{"name": "helper", …}\', a file that holds one, or - for standard input'
    add = action("add", _add, "add a worker: a name and --model, or a definition in JSON")
    add.add_argument("definition", metavar="NAME|JSON", help=f"its name, with --model; or {what}")
    adding.configure(add)
    updating = action(
        "update",
        _update,
        "change a worker: maps are merged into what is there, null takes a key out; shows what is different",
    )
    _worker(updating, "name", "its name or id")
    updating.add_argument("updates", metavar="JSON", help=what)
    trusting = action("trust", _trust, "make a worker that came with a file, or was edited there, the host's own")
    _worker(trusting, "name", "its name or id")
    trusting.add_argument("--yes", action="store_true", help="do not ask")
    removing = action("remove", _remove, "remove a worker; the records of what it did stay")
    _worker(removing, "name", "its name or id")
    checking = action("check-auth", _check_auth, "say whether the workers' keys are there, without showing them")
    _worker(checking, "names", "names or ids (default: all active workers)", nargs="*")
    add_format(checking)

    testing = action("test", _test, "make one small call of a worker, and say what was found or what to do next")
    _worker(testing, "name", "its name or id")
    add_format(testing)
    listing = action("models", _models, "list the models that a worker's provider has")
    _worker(listing, "name", "the worker's name or id")
    add_format(listing)


def _count(text: str) -> int:
    number = whole_number(text)
    if number == 0:
        raise argparse.ArgumentTypeError("a whole number of 1 or more is wanted, not '0'")
    return number


def _worker(parser: argparse.ArgumentParser, name: str, told: str, nargs: str | None = None) -> None:
    """Adds an argument that names workers there are."""
    set_completer(parser.add_argument(name, metavar="NAME", nargs=nargs, help=told), worker_names)


def run(options: argparse.Namespace) -> int:
    """Runs the action that the options name; returns the exit status."""
    place = find_place(options)
    if options.makes:
        sandbox_directory(place.path, place.origin)
    elif not place.is_default:
        existing_directory(place.path, place.origin)
    directory, options.place = Path(place.path), place
    log_to_standard_error()
    if not options.makes and not has_workers(directory):
        # Opening a manager would leave files in a directory that has nothing to do with workers.
        complain(no_workers(place))
        return OK if options.action in ("list", "summary", "check-auth") else FAILED
    from ai_wm.manager import AIWorkerManager

    work: Callable[[AIWorkerManager, argparse.Namespace], int] = options.work
    try:
        with AIWorkerManager(directory) as manager:
            return work(manager, options)
    except NeuroScriptError as error:
        sys.stdout.flush()
        write_line(sys.stderr, explain(error, {}))
        return FAILED


def examine(options: argparse.Namespace) -> Iterator[Finding]:
    """What ``neuroscript doctor`` tells of the workers."""
    from ai_wm.cli import health

    return health.of_workers(options)


# --- actions ---


def _list(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    if options.removed:
        return _list_removed(manager, options)
    wanted = {"status": options.status, "provider": options.provider, "name": options.name}
    filters = {key: value for key, value in wanted.items() if value is not None}
    rows = [_with_standing(manager, row) for row in manager.list_worker_definitions_for_display(filters)]
    if options.format == "jsonl":
        return _json_lines(rows)
    if not rows:
        found = "no workers like that" if filters else "no workers yet"
        complain(f"there are {found} in {manager.sandbox_dir}")
        return OK
    from ai_wm.cli import tables as worker_tables

    worker_tables.workers(rows)
    return OK


def list_in_session(interpreter: Interpreter, place: WorkersPlace | None) -> None:
    """Prints the workers of an interactive session: its host's, and those that what was typed has added."""
    from ai_wm.tools.access import SERVICE

    manager: AIWorkerManager = interpreter.services[SERVICE]
    rows = [_with_standing(manager, row) for row in manager.list_worker_definitions_for_display()]
    if rows:
        from ai_wm.cli import tables as worker_tables

        worker_tables.workers(rows)
    elif place is not None:
        write_line(sys.stdout, no_workers(place))
    else:
        write_line(sys.stdout, "there are no workers yet")


def _list_removed(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    if options.status or options.provider:
        raise UsageError("--status and --provider are of workers that there are; --removed goes with --name alone")
    wanted = (options.name or "").casefold()
    found = [each for each in manager.removed_worker_definitions() if wanted in each.name.casefold()]
    rows = [
        {**each._asdict(), **manager.performance_summary(ExactId(each.definition_id)).to_script()} for each in found
    ]
    if options.format == "jsonl":
        return _json_lines(rows)
    if not rows:
        complain(f"there are no removed workers with records in {manager.sandbox_dir}")
        return OK
    from ai_wm.cli import tables as worker_tables

    worker_tables.removed(rows)
    return OK


def _show(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    found = manager.get_worker_definition(options.name)
    row = _with_standing(manager, manager.list_worker_definitions_for_display({"id": found.definition_id})[0])
    row["limit_usage"] = manager.limit_usage(ExactId(found.definition_id))
    if options.format == "jsonl":
        return _json_lines([row])
    from ai_wm.cli import tables as worker_tables

    worker_tables.worker(row)
    return OK


def _records(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    from ai_wm.cli.records import find

    rows = find(manager, options)
    match options.format:
        case "jsonl":
            return _json_lines(rows)
        case "csv":
            writer = csv.writer(_Output(), lineterminator="\n")
            writer.writerow(CSV_COLUMNS)
            writer.writerows(_csv_row(row) for row in rows)
            return OK
    if not rows:
        complain("there are no records like that")
        return OK
    from ai_wm.cli import tables as worker_tables

    worker_tables.records(rows)
    return OK


def _report(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    from ai_wm.cli.report import report

    return report(manager, options)


def _top(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    from ai_wm.cli.top import top

    return top(manager, options)


def _summary(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    rows = [
        {
            "name": definition.name,
            "definition_id": definition.definition_id,
            **definition.aggregate_performance_summary.to_script(),
        }
        for definition in _named(manager, options.names)
    ]
    if options.format == "jsonl":
        return _json_lines(rows)
    from ai_wm.cli import tables as worker_tables

    worker_tables.summaries(rows)
    return OK


def _add(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    if options.model is None:
        adding.check_json_form(options)
        write_line(sys.stdout, manager.add_worker_definition(json_object(options.definition)))
        return OK
    added = manager.add_worker_definition(adding.definition_of(options))
    adding.tell_added(manager, ExactId(added), options.place)
    return OK


def _update(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    updates = json_object(options.updates)
    before = manager.get_worker_definition(options.name)
    after = manager.update_worker_definition(ExactId(before.definition_id), updates, merge=True)
    from ai_wm.cli.differences import differences

    lines = list(differences(before, after))
    for line in lines:
        write_line(sys.stdout, line)
    if not lines:
        complain(f"nothing is different: worker {after.name!r} was like that before")
    return OK


def _trust(manager: Any, options: argparse.Namespace) -> int:
    found = manager.get_worker_definition(options.name)
    from ai_wm.cli.trusting import lines_about

    for line in lines_about(found):
        write_line(sys.stdout, line)
    if not options.yes and not _confirmed():
        write_line(sys.stderr, "neuroscript: nothing was changed")
        return FAILED
    manager.trust_worker_definition(ExactId(found.definition_id), shown=found)
    return OK


def _confirmed() -> bool:
    """Whether the person at the terminal agrees.

    Raises:
        UsageError: if there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on; say --yes if that key may go to that address")
    sys.stdout.flush()
    sys.stderr.write("May that key go to that address, for every program? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _remove(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    manager.remove_worker_definition(options.name)
    return OK


def _check_auth(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    found = _named(manager, options.names) if options.names else manager.list_worker_definitions({"status": "active"})
    rows = [
        {
            "name": definition.name,
            "provider": str(definition.provider),
            "method": str(definition.auth.method),
            "place": definition.auth.shown_value,
            "api_key_status": str(manager.key_status(ExactId(definition.definition_id))),
        }
        for definition in found
    ]
    if options.format == "jsonl":
        _json_lines(rows)
    else:
        from ai_wm.cli import tables as worker_tables

        worker_tables.keys(rows)
    # A worker that needs no key lacks none.
    lacking = [row for row in rows if row["api_key_status"] != "Found" and row["method"] != "none"]
    return FAILED if lacking else OK


def _test(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    outcome = manager.test_worker(options.name)
    if options.format == "jsonl":
        _json_lines([outcome.to_map()])
    else:
        from ai_wm.cli.checking import lines_of_test

        for line in lines_of_test(outcome):
            write_line(sys.stdout, line)
    return OK if outcome.ok else FAILED


def _models(manager: AIWorkerManager, options: argparse.Namespace) -> int:
    models = manager.list_models(options.name)
    if options.format == "jsonl":
        return _json_lines([asdict(model) for model in models])
    if not models:
        complain("the provider has no models")
        return OK
    from ai_wm.cli.checking import lines_of_models

    for line in lines_of_models(models):
        write_line(sys.stdout, line)
    return OK


# --- helpers ---


def _with_standing(manager: Any, row: dict[str, Any]) -> dict[str, Any]:
    """A worker's row with whose it is: the host's, a script's, or nobody's that can be trusted."""
    return {**row, "standing": manager.standing(ExactId(row["definition_id"]))}


def _named(manager: AIWorkerManager, names: Sequence[str]) -> list[AIWorkerDefinition]:
    if not names:
        return manager.list_worker_definitions()
    return [manager.get_worker_definition(name) for name in names]


def _json_lines(rows: Sequence[Any]) -> int:
    for row in rows:
        print_json(row)
    return OK


class _Output:
    """Standard output, for a writer of CSV."""

    def write(self, text: str) -> None:
        write(sys.stdout, text)


def _csv_row(row: dict[str, Any]) -> list[Any]:
    flat = {**row["llm_metrics"], **row, "rating": (row["supervisor_feedback"] or {}).get("rating")}
    flat["success"] = "true" if row["success"] else "false"
    return ["" if flat.get(column) is None else _csv_cell(flat[column]) for column in CSV_COLUMNS]


def _csv_cell(value: Any) -> Any:
    """A cell; text that a spreadsheet would take for a formula gets an apostrophe in front."""
    formula = isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{value}" if formula else value
