"""The timeline of a run: who was asked what, when, and at what cost, and what else the run waited for.

A plugin that asks models finds the service `LISTENER`, and tells it of each call and of what happens on the way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter, time
from types import FrameType
from typing import Any

from neuroscript.observing.masking import LONGEST, Mask
from neuroscript.observing.showing import failure_text, shown
from neuroscript.output import shortened
from neuroscript.runtime import abi
from neuroscript.runtime.watching import ASK, WAITING, Watcher, body_of

LISTENER = "call_listener"
"""The service in which plugins find whom to tell of calls of models: a function that gets a word and fields.

``call``, when one is over: ``time`` (when it began, in seconds since 1970), ``duration_ms``, ``instance_id``,
``worker``, ``model``, ``prompt``, ``reply``, ``error``, ``input_tokens``, ``output_tokens``, ``cost``.  Any other word
is something that happened on the way: ``time``, ``message``, and ``instance_id`` and ``worker`` where it is about one;
``asked`` is that a request was sent.
"""

_MOST_TEXT = 20_000  # characters of a prompt or reply
_MOST_ENTRIES = 5_000
_CALL = "call"
_ASKED = "asked"


@dataclass(slots=True, kw_only=True)
class Span:
    """Something that the script waited for: an ``ask``, a question to the person, or a tool that reaches outside.

    Times are seconds since the run began.
    """

    name: str
    file: str
    line: int
    procedure: str
    text: str
    begin: float
    end: float = 0.0
    error: str = ""


@dataclass(slots=True, kw_only=True)
class Call:
    """A call of a model.

    Attributes:
        sent: the moments at which a request was sent; before the first, the call was got ready and waited under limits.
        notes: what happened on the way, each with its moment.
    """

    worker: str
    model: str
    instance: str
    begin: float
    end: float
    prompt: str
    reply: str
    error: str
    input_tokens: int
    output_tokens: int
    cost: float
    sent: list[float] = field(default_factory=list)
    notes: list[tuple[float, str]] = field(default_factory=list)
    place: str = ""

    @property
    def waited(self) -> float:
        """Seconds before the first request was sent."""
        return max(self.sent[0] - self.begin, 0.0) if self.sent else 0.0


@dataclass(slots=True, kw_only=True)
class Event:
    """Something that happened on the way, of a call or besides."""

    word: str
    moment: float
    message: str
    worker: str
    instance: str


class Timeline(Watcher):
    """Collects what a run waits for.

    Args:
        program: its name.
        mask: masks secrets.
    """

    def __init__(self, program: str, mask: Mask) -> None:
        self.program = program
        self.mask = mask
        self.spans: list[Span] = []
        self.calls: list[Call] = []
        self.events: list[Event] = []
        self.left_out = 0
        self.began = time()
        self.seconds = 0.0
        self._start = perf_counter()
        self._reaches_outside: Callable[[str], bool] = lambda name: True
        self._known: dict[str, bool] = {}
        self._here: dict[int, tuple[str, int, str]] = {}
        self._open: dict[int, list[Span | None]] = {}
        self._lock = threading.Lock()

    def begin_run(self, reaches_outside: Callable[[str], bool]) -> None:
        """Begins; tools are shown for which a function says that they reach outside."""
        self._reaches_outside = reaches_outside
        self.began, self._start = time(), perf_counter()

    def end_run(self, moment: float) -> None:
        """Ends at a moment of `perf_counter`, and puts together what belongs together."""
        with self._lock:
            self.seconds = moment - self._start
            for spans in self._open.values():
                for span in spans:
                    if span is not None:
                        span.end = self.seconds
            self._put_together()

    # --- what the run tells ------------------------------------------------------------------------------------------

    def begin(self, frame: FrameType, file: str, line: int) -> None:
        self._here[threading.get_ident()] = file, line, abi.shown_name(body_of(frame))

    def tool_begins(self, name: str, values: tuple[Any, ...], names: tuple[str, ...]) -> None:
        thread = threading.get_ident()
        open_ = self._open.setdefault(thread, [])
        outside = self._known.get(name)
        if outside is None:
            outside = self._known[name] = name in WAITING or self._reaches_outside(name)
        if not outside or len(self.spans) >= _MOST_ENTRIES:
            self.left_out += outside
            open_.append(None)
            return
        file, line, procedure = self._here.get(thread, ("", 0, ""))
        span = Span(
            name=name,
            file=file,
            line=line,
            procedure=procedure,
            text=self._told(name, values, names),
            begin=perf_counter() - self._start,
        )
        with self._lock:
            self.spans.append(span)
        open_.append(span)

    def tool_ends(self, name: str, result: Any, failure: BaseException | None) -> None:
        open_ = self._open.get(threading.get_ident())
        span = open_.pop() if open_ else None
        if span is not None:
            span.end = perf_counter() - self._start
            span.error = self._text(failure_text(failure)) if failure is not None else ""

    def told(self, word: str, fields: Mapping[str, Any]) -> None:
        """Notes what a plugin tells of calls, from any thread; see `LISTENER`."""
        moment = float(fields["time"]) - self.began
        worker, instance = str(fields.get("worker", "")), str(fields.get("instance_id", ""))
        with self._lock:
            if len(self.calls) + len(self.events) >= _MOST_ENTRIES:
                self.left_out += word == _CALL
            elif word == _CALL:
                self.calls.append(
                    Call(
                        worker=self._text(worker),
                        model=self._text(fields.get("model", "")),
                        instance=instance,
                        begin=moment,
                        end=moment + fields["duration_ms"] / 1000,
                        prompt=self._text(fields.get("prompt", "")),
                        reply=self._text(fields.get("reply", "")),
                        error=self._text(fields.get("error", "")),
                        input_tokens=fields.get("input_tokens", 0),
                        output_tokens=fields.get("output_tokens", 0),
                        cost=fields.get("cost", 0.0),
                    )
                )
            else:
                message = self._text(fields.get("message", ""))
                self.events.append(
                    Event(word=word, moment=moment, message=message, worker=self._text(worker), instance=instance)
                )

    # --- putting together --------------------------------------------------------------------------------------------

    def _put_together(self) -> None:
        """Gives each call what happened on its way, and the statement that caused it."""
        self.calls.sort(key=lambda call: call.begin)
        by_instance: dict[str, list[Call]] = {}
        for call in self.calls:
            by_instance.setdefault(call.instance, []).append(call)
        others: list[Event] = []
        for event in sorted(self.events, key=lambda one: one.moment):
            ending = event.moment - 0.05  # clocks of threads, and milliseconds that were rounded
            among = by_instance.get(event.instance, []) if event.instance else []
            owner = next((call for call in among if call.begin - 0.05 <= event.moment and ending <= call.end), None)
            if owner is None:
                if event.word != _ASKED:
                    others.append(event)
            elif event.word == _ASKED:
                owner.sent.append(min(max(event.moment, owner.begin), owner.end))
            else:
                owner.notes.append((event.moment, f"{event.word}: {event.message}"))
        self.events = others
        for call in self.calls:
            middle = (call.begin + call.end) / 2
            around = [span for span in self.spans if span.begin <= middle <= span.end]
            if around:
                inner = max(around, key=lambda span: span.begin)
                call.place = f"{inner.file}:{inner.line}" if inner.file else ""

    def _told(self, name: str, values: tuple[Any, ...], names: tuple[str, ...]) -> str:
        """What a tool, or a model, is asked."""
        if name == ASK:
            whom = shown(values[0], self.mask, 60) if len(values) > 1 else "the default worker"
            prompt = values[-1]
            return f"{whom}: {self._text(prompt) if type(prompt) is str else shown(prompt, self.mask, 400)}"
        first = len(values) - len(names)
        told = [shown(value, self.mask, 200) for value in values[:first]]
        told += [
            f"{key}: {shown(value, self.mask, 200, name=key)}" for key, value in zip(names, values[first:], strict=True)
        ]
        return ", ".join(told)

    def _text(self, text: object) -> str:
        whole = str(text)
        # First masked, then cut: a part of a secret would not be recognised.
        return shortened(self.mask.text(whole[: _MOST_TEXT + LONGEST]), _MOST_TEXT)
