"""A shell of IPython in this process, with the extension loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config


class Hook(DisplayHook):
    """Keeps in all forms what a cell shows at its end, where a terminal prints one of them."""

    def write_output_prompt(self) -> None:
        """There is no terminal."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self.shell.display_pub.publish(format_dict, md_dict)


class Shell(InteractiveShell):
    displayhook_class = Hook
    display_pub_class = CapturingDisplayPublisher


class Cell:
    """What a cell has done."""

    def __init__(self, result: Any, captured: Any, shown: list[dict[str, Any]]) -> None:
        self.value: Any = result.result
        self.printed: str = captured.stdout
        self.told: str = captured.stderr
        self.error: BaseException | None = result.error_before_exec or result.error_in_exec
        self.shown: list[dict[str, Any]] = shown


class Notebook:
    """Runs cells in a shell, one after the other."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def run(self, cell: str) -> Cell:
        """Runs a cell, which must not fail."""
        done = self.attempt(cell)
        if done.error is not None:
            raise AssertionError(done.printed) from done.error
        return done

    def attempt(self, cell: str) -> Cell:
        """Runs a cell that may fail; what is shown of its error is among what it printed."""
        self.shell.display_pub.outputs.clear()
        with capture_output(display=False) as captured:
            result = self.shell.run_cell(cell, store_history=True)
        return Cell(result, captured, [output["data"] for output in self.shell.display_pub.outputs])


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    monkeypatch.chdir(tmp_path)
    for name in ("IPYTHONDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    Shell.clear_instance()
    shell = Shell.instance(config=config)
    shell.display_formatter.active_types = ["text/plain", "text/html"]  # as in Jupyter
    made = Notebook(shell)
    made.run("%load_ext neuroscript")
    yield made
    made.run("%unload_ext neuroscript")
    Shell.clear_instance()
