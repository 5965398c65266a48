"""The interpreter agrees with every conformance case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError
from neuroscript import loading as loading_module
from neuroscript.cache.disk import SWITCH
from neuroscript.cache.memory import Cache
from neuroscript.values import text_of, to_json

from .case import ConformanceCase, ParseCase, check_outcome, parse_cases, run_cases


@pytest.mark.parametrize("case", run_cases(), ids=lambda case: case.name)
def test_case(case: ConformanceCase) -> None:
    check_case(case)


def test_code_from_the_disk_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH)
    cases = run_cases()
    for _ in range(2):
        monkeypatch.setattr(loading_module, "_CACHE", Cache())
        for case in cases:
            check_case(case, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) > len(cases) // 2


def check_case(case: ConformanceCase, **options: Any) -> None:
    emits: list[str] = []
    result: Any = None
    error, message = None, ""
    with Interpreter(emit=lambda value: emits.append(text_of(value)), plugins=False, **options) as interpreter:
        try:
            if case.entry is None:
                interpreter.execute(case.path)
            else:
                interpreter.load(case.path)
                for name, payload in case.events:
                    interpreter.emit_event(name, payload)
                result = to_json(interpreter.run(case.entry, *case.args))
        except NeuroScriptError as raised:
            error, message = (int(raised.code), raised.line), str(raised)
    check_outcome(case, emits, result, error, message)


@pytest.mark.parametrize("case", parse_cases(), ids=lambda case: case.name)
def test_parse(case: ParseCase) -> None:
    with Interpreter(plugins=False) as interpreter:
        errors = [
            one for one in interpreter.check(case.source, name="case.ns") if one.severity == "error" and not one.rule
        ]
    assert (not errors) is case.valid, [str(one) for one in errors]
    if case.code is not None:
        assert errors[0].code == case.code
    if case.line is not None:
        assert errors[0].line == case.line
