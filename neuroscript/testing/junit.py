"""Reports the outcomes of tests as JUnit XML, which services for continuous integration read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from neuroscript.output import visible, whole_text
from neuroscript.testing.runner import Outcome

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_MOST_OUTPUT = 100_000  # characters


def junit_xml(outcomes: Sequence[Outcome], broken: Mapping[str, str]) -> str:
    """The report.

    Args:
        outcomes: of the tests that were run.
        broken: why files could not be loaded, by name.
    """
    by_file: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_file.setdefault(outcome.case.program.name, []).append(outcome)
    failed = sum(not outcome.passed for outcome in outcomes)
    root = ElementTree.Element("testsuites", _counts(len(outcomes), failed, len(broken), outcomes))
    for file, found in by_file.items():
        failed = sum(not outcome.passed for outcome in found)
        suite = ElementTree.SubElement(
            root, "testsuite", {"name": _text(file), **_counts(len(found), failed, 0, found)}
        )
        for outcome in found:
            _add(suite, outcome)
    for file, why in broken.items():
        suite = ElementTree.SubElement(root, "testsuite", {"name": _text(file), **_counts(0, 0, 1, ())})
        case = ElementTree.SubElement(suite, "testcase", {"classname": _text(file), "name": "load", "time": "0.000"})
        error = ElementTree.SubElement(case, "error", {"message": _text(why.partition("\n")[0])})
        error.text = _text(why)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add(suite: ElementTree.Element, outcome: Outcome) -> None:
    case = outcome.case
    attributes = {
        "classname": _text(case.program.name.removesuffix(".ns").replace("/", ".").replace("\\", ".")),
        "name": case.name,
        "file": _text(case.program.name),
        "line": str(case.line),
        "time": f"{outcome.seconds:.3f}",
    }
    made = ElementTree.SubElement(suite, "testcase", attributes)
    for failure in outcome.failures:
        error = failure.error
        message = f"error {int(error.code)}: {error.message}" if error is not None else failure.text.partition("\n")[0]
        kind = error.name if error is not None else "OUTPUT"
        part = ElementTree.SubElement(made, "failure", {"type": kind, "message": _text(message)})
        part.text = _text(failure.text)
    if outcome.emitted:
        ElementTree.SubElement(made, "system-out").text = _text("\n".join(outcome.emitted)[:_MOST_OUTPUT])


def _counts(tests: int, failures: int, errors: int, outcomes: Sequence[Outcome]) -> dict[str, str]:
    seconds = sum(outcome.seconds for outcome in outcomes)
    counts = {"tests": tests + errors, "failures": failures, "errors": errors}
    return {**{name: str(count) for name, count in counts.items()}, "time": f"{seconds:.3f}"}


def _text(text: str) -> str:
    """A text without characters that XML cannot hold, or that would steer a terminal."""
    return _NOT_XML.sub("\ufffd", whole_text(visible(text)))
