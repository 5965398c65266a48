"""Explains in words what a program may do, and where each permission or limit comes from."""

from __future__ import annotations

import sys

from neuroscript.cli.report import print_json
from neuroscript.cli.settings import DEFAULT, Settings
from neuroscript.cli.status import OK
from neuroscript.limits import Limits
from neuroscript.output import one_line, write_line
from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from neuroscript.cli.host import WorkersPlace

OUT_OF_REACH = (
    "keys, in whatever text they are repeated, and addresses that nobody approved for a key",
    "the files of the worker system, journals, queues, compiled code, the user's configuration, every neuroscript.toml",
    "definitions, conversations, records, queues and jobs of other owners",
    "Python, processes and modules of the machine",
)
BUILT_IN = "always"
"""The origin of a point that nobody can change."""

_USED_FILES = "is loaded with the .ns files that it uses, from its own directory, the sandbox and each --lib DIR"
_MANAGE = {
    "none": "workers' definitions: scripts change none",
    "own": "workers' definitions: scripts add, change and remove those that scripts made",
    "all": "workers' definitions: scripts add, change and remove all, the host's too",
}
_CEILINGS = {
    "max_cost_per_run": "most that a run's models may cost",
    "max_tokens_per_run": "most tokens that a run's models may use",
    "max_cost_per_day": "most that models may cost in 24 hours",
    "max_tokens_per_day": "most tokens in 24 hours",
    "max_requests_per_minute": "most requests in a minute",
    "max_concurrent_calls": "most calls at a time",
    "max_timeout_seconds": "most seconds that a call may take",
    "max_limit_wait_seconds": "most seconds that a call may wait for a limit",
    "max_tool_rounds": "most rounds of tool calls in an answer",
    "max_retries": "most retries of a call",
    "max_definitions": "most definitions that scripts may have",
}


@record(frozen=True)
class Point:
    """One thing that a program may or may not do.

    Args:
        topic: what it is about.
        words: what holds.
        value: the same for programs.
        origin: where it comes from.
    """

    topic: str
    words: str
    value: Any
    origin: str


def explain_policy(settings: Settings, place: WorkersPlace | None, format_name: str) -> int:
    """Prints all points; returns the exit status."""
    if format_name == "jsonl":
        for point in points(settings, place):
            print_json({"topic": point.topic, "words": point.words, "value": point.value, "from": point.origin})
    else:
        write_line(sys.stdout, explained(settings, place))
    return OK


def explained(settings: Settings, place: WorkersPlace | None = None) -> str:
    """The points as text: by topic, each with its origin."""
    rows: list[str] = []
    topic = ""
    for point in points(settings, place):
        if point.topic != topic:
            topic = point.topic
            rows.append(topic)
        rows.append(f"  {one_line(point.words)}  [{one_line(point.origin)}]")
    return "\n".join(rows)


def points(settings: Settings, place: WorkersPlace | None = None) -> Iterator[Point]:
    """Every point that follows from the settings, and from where the workers are."""
    yield from _files(settings)
    yield from _tools(settings)
    if settings.one("run.plugins"):
        yield from _place(place)
        yield from _workers(settings)
        yield from _keys(settings)
    yield from _ceilings(settings)
    for words in OUT_OF_REACH:
        yield Point("out of reach", words, None, BUILT_IN)
    for origin, names in settings.ignored.items():
        for name in names:
            yield Point("ignored, since the file is not trusted", name, name, origin)


def _files(settings: Settings) -> Iterator[Point]:
    directory, origin = settings.one("run.sandbox"), settings.origin("run.sandbox")
    words = f"reads and writes in {directory}" if directory else "reads and writes no files (--sandbox DIR)"
    yield Point("files", words, directory, origin)
    yield Point("files", _USED_FILES, None, BUILT_IN)
    yield from _each(settings, "run.env", "environment", "reads the variable {}", "reads no variables (--env NAME)")


def _tools(settings: Settings) -> Iterator[Point]:
    plugins, origin = settings.one("run.plugins"), settings.origin("run.plugins")
    kinds = "the standard tools and those of installed plugins" if plugins else "the standard tools alone"
    yield Point("tools", f"calls {kinds}", plugins, origin)
    for one in settings.values("policy.allow"):
        yield Point("tools", f"calls {one.value}, whatever it needs, and may let a model do so", one.value, one.origin)
    for one in settings.values("policy.model_tools"):
        yield Point("tools", f"may let a model call {one.value}", one.value, one.origin)
    yield from _each(settings, "policy.deny", "tools", "never calls {}", "")


def _place(place: WorkersPlace | None) -> Iterator[Point]:
    if place is not None:
        kept = "what scripts add there lives for their run" if place.is_default else "what scripts add is stored there"
        yield Point("workers", f"finds the workers of {place.path}; {kept}", place.path, place.origin)


def _workers(settings: Settings) -> Iterator[Point]:
    yield from _each(settings, "policy.ask", "workers", "asks workers called {}", "asks no workers")
    manage = settings.one("policy.manage")
    yield Point("workers", _MANAGE[manage], manage, settings.origin("policy.manage"))
    if settings.one("policy.trust_file"):
        words = "takes definitions without a mark for the host's"
        yield Point("workers", words, True, settings.origin("policy.trust_file"))
    if settings.one("policy.owner") is not None:
        owner = settings.one("policy.owner")
        yield Point("workers", f"owns what it makes as {owner}", owner, settings.origin("policy.owner"))
    none = "changes no settings of models but the usual ones (--allow-setting NAME)"
    yield from _each(settings, "policy.overrides", "workers", "may change the setting {}", none)


def _keys(settings: Settings) -> Iterator[Point]:
    words = "the host's workers have their own keys sent to their own addresses"
    yield Point("keys and addresses", words, None, DEFAULT)
    words = "a provider's usual key (OPENAI_API_KEY and the like) goes to that provider's own address"
    yield Point("keys and addresses", words, None, DEFAULT)
    for one in settings.values("policy.keys"):
        source, place = one.value
        yield Point("keys and addresses", f"the key {source} may go to {place}", [source, place], one.origin)
    none = "names no other addresses (--allow-origin URL)"
    yield from _each(settings, "policy.origins", "keys and addresses", "may name {}, without a key", none)


def _ceilings(settings: Settings) -> Iterator[Point]:
    if settings.one("run.plugins"):
        for name, words in _CEILINGS.items():
            value = settings.one(f"policy.{name}")
            shown = "no ceiling" if value is None else value
            yield Point("ceilings", f"{words}: {shown}", value, settings.origin(f"policy.{name}"))
    for name in Limits.__annotations__:
        value = settings.one(f"limits.{name}")
        shown = "no limit" if value is None else value
        words = f"{name} of a run: {shown}"
        yield Point("limits", words, value, settings.origin(f"limits.{name}"))


def _each(settings: Settings, path: str, topic: str, words: str, none: str) -> Iterator[Point]:
    """A point for each value of a setting, or what holds without any."""
    found = settings.values(path)
    if not found and none:
        yield Point(topic, none, None, DEFAULT)
    for one in found:
        yield Point(topic, words.format(one.value), one.value, one.origin)
