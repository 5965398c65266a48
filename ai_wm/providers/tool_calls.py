"""Reading the tool calls of a reply: arguments written as JSON text, and calls that come in pieces.

What a model writes wrong is no failure of the call: it goes back to the model as the result of the tool, with what is
wrong with it, and the model can correct itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ai_wm.providers.adapter import expect_map, expect_text, made_up_id, whole_text
from ai_wm.providers.base import LLMRequest, ToolCallRequest
from ai_wm.providers.options import ToolNames

_SHOWN = 200


def tool_calls(calls: Iterable[tuple[Any, Any, Any]], request: LLMRequest) -> tuple[ToolCallRequest, ...]:
    """Makes the calls of one reply, from the id, the name and the arguments of each.

    Ids that are missing, or not the only ones of their kind in the reply, are made up: results are tied to calls by id.
    """
    names = ToolNames(request)
    made: list[ToolCallRequest] = []
    taken: set[str] = set()
    for number, (call_id, name, given) in enumerate(calls, start=1):
        arguments, problem = read_arguments(given)
        known = call_id if isinstance(call_id, str | int) and not isinstance(call_id, bool) else ""
        text = str(known)
        if not text or text in taken:
            text = made_up_id(request, number)
        taken.add(text)
        original = names.original(expect_text(name, "the name of a tool call"))
        made.append(ToolCallRequest(id=text, name=original, arguments=arguments, problem=problem))
    return tuple(made)


def cut_call(calls: tuple[ToolCallRequest, ...]) -> str:
    """Names the tool of the last call, if the cut reply ended within that call; else an empty text."""
    last = calls[-1] if calls else None
    return last.name if last is not None and (last.problem or not last.arguments) else ""


def read_arguments(given: Any) -> tuple[dict[str, Any], str]:
    """Reads the arguments of a tool call, and says what is wrong with them; then they are empty."""
    if isinstance(given, str):
        text = whole_text(given).strip()
        if not text:
            return {}, ""
        try:
            given = _decoded(text)
        except (ValueError, RecursionError) as error:
            why = f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else "too deep"
            return {}, f"the arguments are not JSON ({why}): {_cut(text)}"
    if given is None:
        return {}, ""
    if not isinstance(given, dict):
        return {}, f"the arguments are not a JSON object, but {_cut(json.dumps(given, ensure_ascii=False))}"
    return given, ""


def _decoded(text: str) -> Any:
    # Models write line ends into texts as they are, which JSON does not allow.
    value = json.loads(text.removeprefix("{}") or text, strict=False)  # some servers begin with an empty object
    if isinstance(value, str):  # encoded twice
        try:
            inner = json.loads(value, strict=False)
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
    are not whole yet; a piece without one goes on with the call of its index, of its id, or the last.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.produced = 0
        self._by_index: dict[int, dict[str, Any]] = {}
        self._by_id: dict[str, dict[str, Any]] = {}

    def take(self, pieces: list[Any]) -> None:
        """Takes the pieces of one event."""
        begun = len(self.calls)
        for piece in pieces:
            self._take(expect_map(piece, "a tool call"), begun)

    def _take(self, piece: dict[str, Any], begun: int) -> None:
        function = expect_map(piece.get("function") or {}, "function")
        name = expect_text(function.get("name"), "function.name")
        arguments = function.get("arguments")
        call_id = piece.get("id") or ""
        call_id = call_id if isinstance(call_id, str) else str(call_id)
        index = piece.get("index")
        index = index if type(index) is int else None
        call = self._call_of(index, call_id, name, arguments, begun)
        if call is None:
            call = {"index": index, "id": "", "function": {"name": "", "arguments": ""}}
            self.calls.append(call)
        if index is not None:
            self._by_index[index] = call
        if call_id:
            call["id"] = call["id"] or call_id
            self._by_id.setdefault(call_id, call)
        if piece.get("extra_content") is not None:
            call["extra_content"] = piece["extra_content"]
        known = call["function"]
        known["name"] = known["name"] or name
        if isinstance(arguments, Mapping):
            known["arguments"] = dict(arguments)
        elif arguments:
            text = expect_text(arguments, "function.arguments")
            self.produced += len(text)
            known["arguments"] = (known["arguments"] if isinstance(known["arguments"], str) else "") + text

    def _call_of(self, index: int | None, call_id: str, name: str, arguments: Any, begun: int) -> dict[str, Any] | None:
        """The call that a piece goes on with; ``None`` if it begins one."""
        indexed = self._by_index.get(index) if index is not None else None
        named = self._by_id.get(call_id) if call_id else None
        if named is not None and indexed is not None and named["index"] != index:
            named = None  # one id for all calls: the index counts
        last = self.calls[-1] if self.calls else None
        if not name:
            if indexed is None and named is None and call_id and index is not None:
                return None  # a head that comes in parts
            return named or indexed or last
        current = (named or indexed) if index is not None else (named or last)
        if index is not None and indexed is None:
            return None
        if current is None:
            return None
        function = current["function"]
        if not function["name"]:
            return current
        another_id = bool(call_id and current["id"] and call_id != current["id"])
        in_this_event = any(current is call for call in self.calls[begun:])
        if function["name"] != name or (in_this_event and (another_id or not call_id)):
            return None
        if not function["arguments"]:
            return None if another_id and not arguments else current
        return None if _is_whole(function["arguments"]) else current


def _is_whole(arguments: Any) -> bool:
    if isinstance(arguments, Mapping):
        return True
    try:
        return isinstance(json.loads(arguments, strict=False), dict)
    except (ValueError, RecursionError):
        return False
