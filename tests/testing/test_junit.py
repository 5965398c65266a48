"""Reports in JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree

from neuroscript.testing.junit import junit_xml
from tests.testing.conftest import RunTests


def test_report(outcomes: RunTests) -> None:
    found = outcomes(
        """\
func test_good() means
  emit "a < b \\x01\\x1b[31m"
endfunc
func test_bad() means
  must "</failure>" == 3
endfunc
"""
    )
    text = junit_xml(list(found.values()), {"bad_test.ns": "bad_test.ns:1:1: error: no\nmore"})
    root = ElementTree.fromstring(text.encode())
    assert {name: root.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    good, bad, broken = root.iter("testcase")
    assert (good.get("classname"), good.get("name"), good.get("line")) == ("some_test", "test_good", "1")
    assert good.findtext("system-out") == "a < b \\x01\\x1b[31m"
    failure = bad.find("failure")
    assert failure is not None
    assert failure.get("type") == "MUST_FAILED"
    assert failure.get("message") == 'error 5: must does not hold: "</failure>" == 3 is false'
    assert "some_test.ns:5:8" in (failure.text or "")
    error = broken.find("error")
    assert error is not None
    assert (error.get("message"), error.text) == (
        "bad_test.ns:1:1: error: no",
        "bad_test.ns:1:1: error: no\nmore",
    )
