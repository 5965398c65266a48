"""Arguments that hold or name a JSON object."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from neuroscript.cli import UsageError

STDIN: Final = "-"


def json_object(text: str) -> dict[str, Any]:
    """Reads the JSON object that an argument holds or names.  The text, which may hold a key, is in no message.

    Raises:
        UsageError: if the file cannot be read, or there is no JSON object in it.
    """
    where, content = "the argument", text
    if text == STDIN:
        where, content = "the standard input", sys.stdin.read()
    elif not text.lstrip().startswith("{"):
        where = f"the file {text!r}"
        try:
            content = Path(text).read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
            raise UsageError(f"{where} cannot be read: {reason}; a JSON object begins with {{") from error
    try:
        value = json.loads(content)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"{where} is not JSON: {error.msg} ({place})") from None
    except RecursionError:
        raise UsageError(f"{where} is nested too deeply") from None
    if not isinstance(value, dict):
        raise UsageError(f'{where} is JSON, but no object; a definition is an object such as {{"name": …}}')
    return value
