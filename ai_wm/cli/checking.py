"""What ``neuroscript workers test`` and ``models`` print for a person: a fact a line, of which nothing is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from neuroscript.cli import visible

if TYPE_CHECKING:
    from ai_wm.providers.account_limits import AccountLimit
    from ai_wm.providers.base import ModelInfo
    from ai_wm.workers.checks import WorkerTest

_GAP: Final = "  "
_LABEL: Final = 10


def lines_of_test(test: WorkerTest) -> Iterator[str]:
    """The lines that show the outcome of a test; no character of them steers the terminal."""
    for label, text in _rows(test):
        yield f"{label:{_LABEL}}{_plain(text)}".rstrip()


def _rows(test: WorkerTest) -> Iterator[tuple[str, str]]:
    yield "worker", test.name
    yield "model", f"{test.provider}/{test.model_name}"
    if test.address:
        yield "address", test.address
    if test.proxy:
        yield "proxy", test.proxy
    yield "key", "none" if test.key_source == "none" else f"{test.key_source} ({test.key_status})"
    error = test.error
    yield "result", "ok" if error is None else f"error {int(error.code)} ({error.name}): {error.message}"
    if test.model_used:
        yield "answered", test.model_used
    if test.attempts:
        first = "" if test.first_token_ms is None else f"{test.first_token_ms} ms to the first text, "
        requests = "" if test.attempts == 1 else f", {test.attempts} requests"
        yield "time", f"{first}{test.duration_ms} ms in all{requests}"
    if error is None or test.input_tokens or test.output_tokens:
        cut = ", where the limit of the test cut it" if test.finish_reason == "length" else ""
        yield "tokens", f"{test.input_tokens:,} in, {test.output_tokens:,} out{cut}"
        unknown = test.cost_source == "unknown" and not test.cost
        yield "cost", "unknown: nobody knows its price" if unknown else f"{test.cost:.10f}".rstrip("0").rstrip(".")
    for limit in test.account_limits:
        yield "account", _limit(limit)
    if test.near_models:
        yield "similar", ", ".join(test.near_models)
    for sentence in test.advice:
        yield "next", sentence


def _limit(limit: AccountLimit) -> str:
    most = "" if limit.limit is None else f" of {limit.limit:,}"
    left = f"{limit.remaining:,}{most} left" if limit.remaining is not None else f"at most{most.removeprefix(' of')}"
    known = left if limit.remaining is not None or most else ""
    reset = f"reset {limit.reset}" if limit.reset else ""
    return f"{limit.what}: {', '.join(part for part in (known, reset) if part)}"


def lines_of_models(models: Sequence[ModelInfo]) -> Iterator[str]:
    """The lines of a table of models, with the columns of which the provider tells something."""
    headings = ("id", "context", "max output", "created")
    rows = [
        (
            _plain(model.id),
            f"{model.context_length:,}" if model.context_length else "",
            f"{model.max_output_tokens:,}" if model.max_output_tokens else "",
            model.created[:10],
        )
        for model in models
    ]
    kept = [index for index in range(len(headings)) if index == 0 or any(row[index] for row in rows)]
    table = [tuple(row[index] for index in kept) for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(kept))]
    for row in table:
        cells = [
            cell.rjust(width) if headings[index] in ("context", "max output") else cell.ljust(width)
            for index, cell, width in zip(kept, row, widths, strict=True)
        ]
        yield _GAP.join(cells).rstrip()


def _plain(text: str) -> str:
    return visible(text).replace("\n", " ").replace("\t", " ").replace("\r", " ")
