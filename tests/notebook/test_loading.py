"""Loading the extension: what it needs, and what it does without."""

from __future__ import annotations

import subprocess
import sys


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_without_ipython_the_extra_is_named() -> None:
    out = python(
        "import sys\nsys.modules['IPython'] = None\nimport neuroscript\n"
        "try:\n    neuroscript.load_ipython_extension(object())\nexcept ImportError as error:\n    print(error)"
    )
    assert out.strip() == "notebooks need IPython; install it with: pip install 'neuroscript[notebook]'"


def test_the_package_imports_nothing_of_ipython_until_then() -> None:
    out = python("import sys, neuroscript, neuroscript.cli\nprint([n for n in sys.modules if n.startswith('IPython')])")
    assert out.strip() == "[]"
