"""Parses the tool calls of a reply: arguments given as JSON text, and calls streamed in pieces.

What a model writes wrong is no failure of the call: it goes back to the model as the result of the tool, with what is
wrong with it, and the model can correct itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ai_wm.data.bounds import short
from ai_wm.providers.adapter import expect_map, expect_text, made_up_id, whole_text
from ai_wm.providers.argument_pieces import ArgumentPieces
from ai_wm.providers.base import LLMRequest, ToolCallRequest
from ai_wm.providers.options import ToolNames
from ai_wm.providers.wire_json import Kept, problem_of, read_json, too_many

MOST_CALLS = 1000
"""Tool calls that one reply may hold."""

_LONGEST_NAME = 256
_LONGEST_ID = 16 * 1024  # some gateways keep a signature in it
_SHOWN = 200
_NONE = frozenset({"null", "None", "none", "undefined"})


def tool_calls(calls: Iterable[tuple[Any, Any, Any]], request: LLMRequest) -> tuple[ToolCallRequest, ...]:
    """Makes the tool calls of one reply, from the id, the name and the arguments of each.

    Ids that are missing, or not the only ones of their kind in the reply, are made up: results are tied to calls by id.
    """
    names = ToolNames(request)
    made: list[ToolCallRequest] = []
    taken: set[str] = set()
    for number, (call_id, name, given) in enumerate(calls, start=1):
        if number > MOST_CALLS:
            raise too_many("tool calls", MOST_CALLS)
        arguments, problem = read_arguments(given)
        known = call_id if isinstance(call_id, str | int) and not isinstance(call_id, bool) else ""
        text = str(known) if not isinstance(known, int) or known.bit_length() < 128 else ""
        if not text or text in taken or len(text) > _LONGEST_ID:
            text = made_up_id(request, number)
        taken.add(text)
        original = names.original(short(expect_text(name, "the name of a tool call"), _LONGEST_NAME))
        made.append(ToolCallRequest(id=text, name=original, arguments=arguments, problem=problem))
    return tuple(made)


def cut_call(calls: tuple[ToolCallRequest, ...]) -> str:
    """Returns the name of the tool whose call a truncated reply ended in; else an empty text."""
    last = calls[-1] if calls else None
    return last.name if last is not None and (last.problem or not last.arguments) else ""


def follows_tools(request: LLMRequest) -> bool:
    """Whether a request brings the results of tools, after which a model may have nothing more to say."""
    return request.messages[-1].role == "tool"


def read_arguments(given: Any) -> tuple[dict[str, Any], str]:
    """Parses the arguments of a tool call; if they are invalid, returns none and a description of the problem."""
    if isinstance(given, str):
        text = whole_text(given).strip()
        if not text:
            return {}, ""
        try:
            given = _decoded(text)
        except (ValueError, RecursionError) as error:
            said = "are not JSON" if isinstance(error, json.JSONDecodeError | RecursionError) else "cannot be read"
            return {}, f"the arguments {said} ({problem_of(error)}): {_cut(text)}"
    if given is None:
        return {}, ""
    try:
        written = json.dumps(given, ensure_ascii=False)
    except RecursionError as error:
        return {}, f"the arguments cannot be read ({problem_of(error)})"
    whole = whole_text(written)
    if not isinstance(given, dict):
        return {}, f"the arguments are not a JSON object, but {_cut(whole)}"
    if not _is_finite(given, written):
        return {}, f"the arguments are not JSON (a number in it is not finite or too large): {_cut(whole)}"
    # Half a character can be written as an escape alone, which strict servers refuse in the history.
    return (given if whole is written else json.loads(whole)), ""


def _is_finite(given: dict[str, Any], written: str) -> bool:
    if "Infinity" not in written and "NaN" not in written:
        return True
    try:
        json.dumps(given, allow_nan=False)
    except ValueError:
        return False
    return True  # the word stands in a text


def _decoded(text: str) -> Any:
    # Models write line ends into texts as they are, which JSON does not allow.
    value = read_json(text.removeprefix("{}") or text, strict=False)  # some servers begin with an empty object
    if isinstance(value, str):  # encoded twice
        try:
            inner = read_json(value, strict=False)
        except ValueError:
            return value
        return inner if isinstance(inner, dict) else value
    return value


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


class CallPieces:
    """Assembles the tool calls of a stream of chat completions.

    OpenAI numbers the calls; other servers give no index, the same one to every call, no id, the same id to every call,
    or a new one with every piece.  A piece with a name begins a call, unless it repeats the head of one whose arguments
    are not whole yet, or is the rest of its name; a piece without one goes on with the call of its index, of its id, or
    the last.

    Args:
        offered: the names of the tools offered, by which a name in pieces is told from the names of two calls.
    """

    def __init__(self, offered: Collection[str] = ()) -> None:
        self.produced = 0
        self._offered = offered
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._kept = Kept()
        self._events = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The complete calls, in the form of a reply without streaming.

        Some servers send a call in pieces and then once more as a whole, with the same id: that is one call.
        """
        made: dict[Any, dict[str, Any]] = {}
        for number, call in enumerate(self._calls):
            whole = call.whole()
            made.setdefault((call.id, repr(whole["function"])) if call.id else number, whole)
        return list(made.values())

    def take(self, pieces: list[Any]) -> None:
        """Adds the pieces of one event."""
        self._events += 1
        for piece in pieces:
            self._take(expect_map(piece, "a tool call"))

    def _take(self, piece: dict[str, Any]) -> None:
        function = expect_map(piece.get("function") or {}, "function")
        name = self._given(expect_text(function.get("name"), "function.name"))
        arguments = function.get("arguments")
        call_id = piece.get("id") or ""
        call_id = self._given(call_id if isinstance(call_id, str) else str(call_id))
        index = piece.get("index")
        index = index if type(index) is int else None
        call = self._call_of(index, call_id, name, arguments)
        if call is None:
            call = _Call(index, self._events)
            self._calls.append(call)
            if len(self._calls) > MOST_CALLS:
                raise too_many("tool calls", MOST_CALLS)
        if index is not None:
            self._by_index[index] = call
        call.name = call.name + name if self._is_rest_of_name(call, call_id, name) else call.name or name
        if call_id:
            call.id = call.id or call_id
            self._by_id.setdefault(call_id, call)
        if piece.get("extra_content") is not None:
            self._kept.add(piece["extra_content"])
            call.extra = piece["extra_content"]
        if isinstance(arguments, Mapping):
            self._kept.add(arguments)
            call.replace(dict(arguments))
        elif arguments:
            text = expect_text(arguments, "function.arguments")
            self.produced += len(text)
            call.append(text)

    def _given(self, text: str) -> str:
        """A name or an id; empty for the word that some servers write where a later piece has none."""
        return "" if text in _NONE and text not in self._offered else text

    def _call_of(self, index: int | None, call_id: str, name: str, arguments: Any) -> _Call | None:
        """The call that a piece continues; ``None`` if it begins one."""
        indexed = self._by_index.get(index) if index is not None else None
        named = self._by_id.get(call_id) if call_id else None
        if named is not None and indexed is not None and named.index != index:
            named = None  # one id for all calls: the index counts
        last = self._calls[-1] if self._calls else None
        if not name:
            if indexed is None and named is None and call_id and index is not None:
                return None  # a head that comes in parts
            return named or indexed or last
        current = (named or indexed) if index is not None else (named or last)
        if index is not None and indexed is None:
            return None
        if current is None:
            return None
        if not current.name or self._is_rest_of_name(current, call_id, name):
            return current
        another_id = bool(call_id and current.id and call_id != current.id)
        in_this_event = current.event == self._events
        if current.name != name or (in_this_event and (another_id or not call_id)):
            return None
        if not current.has_arguments:
            return None if another_id and not arguments else current
        return None if current.is_whole() else current

    def _is_rest_of_name(self, call: _Call, call_id: str, name: str) -> bool:
        """Whether a name goes on with that of a call: only what they are together begins the name of a tool."""
        if not call.name or not name or call.has_arguments or call_id not in ("", call.id):
            return False
        if call.name in self._offered and (name in self._offered or name == call.name):
            return False
        return any(offered.startswith(call.name + name) for offered in self._offered)


class _Call:
    """One tool call that is streamed in pieces, begun in the event of the given number."""

    __slots__ = ("arguments", "event", "extra", "id", "index", "name", "pieces")

    def __init__(self, index: int | None, event: int) -> None:
        self.index = index
        self.event = event
        self.id = self.name = ""
        self.extra: Any = None
        self.pieces = ArgumentPieces()
        self.arguments: dict[str, Any] | None = None  # where they did not come as text

    @property
    def has_arguments(self) -> bool:
        return bool(self.pieces or self.arguments)

    def replace(self, arguments: dict[str, Any]) -> None:
        """Sets arguments that did not come as text, in place of all earlier pieces."""
        self.pieces.clear()
        self.arguments = arguments

    def append(self, text: str) -> None:
        """Adds a piece of the arguments' text."""
        self.arguments = None
        self.pieces.add(text)

    def whole(self) -> dict[str, Any]:
        """The complete call, in the form of a reply without streaming."""
        arguments = self.pieces.text() if self.arguments is None else self.arguments
        made = {"index": self.index, "id": self.id, "function": {"name": self.name, "arguments": arguments}}
        return made if self.extra is None else {**made, "extra_content": self.extra}

    def is_whole(self) -> bool:
        """Whether the arguments form a complete object."""
        return self.arguments is not None or self.pieces.is_whole()
