"""Notebooks in a real kernel of Jupyter, driven by a real client."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
import pytest
from jupyter_client import BlockingKernelClient, KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

TIMEOUT = 60


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


class Kernel:
    """A kernel with the extension loaded, and the client that runs cells in it."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def run(self, cell: str, on_message: Callable[[str, dict[str, Any]], object] = lambda kind, content: None) -> Any:
        """Runs a cell; returns the messages of its output, by kind and content.

        Args:
            cell: the cell.
            on_message: called with each of them as it comes.
        """
        request = self.client.execute(cell, allow_stdin=True)
        messages = []
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            try:
                question = self.client.get_stdin_msg(timeout=0)
                on_message("question", question["content"])
            except Empty:
                pass
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return messages
            if kind not in ("status", "execute_input"):
                messages.append((kind, content))
                on_message(kind, content)
        raise AssertionError(f"{cell!r} did not end; it said {messages}")


@pytest.fixture
def kernel(surroundings: None) -> Iterator[Kernel]:
    manager = KernelManager()
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=TIMEOUT)
        made = Kernel(manager, client)
        assert made.run("%load_ext neuroscript") == []
        yield made
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def text_of_streams(messages: list[tuple[str, dict[str, Any]]]) -> str:
    return "".join(content["text"] for kind, content in messages if kind == "stream" and content["name"] == "stdout")


def test_a_notebook_is_run_from_its_file(surroundings: None, tmp_path: Path) -> None:
    cells = [
        "%load_ext neuroscript",
        "prices = [{'fruit': 'apple', 'price': 3}, {'fruit': 'fig', 'price': 1.5}]",
        """%%neuroscript -i prices -o total
set total = 0
for each p in prices
  set total = total + p.price
endfor
emit "there are " + len(prices)
prices""",
        "total * 2",
        "%%neuroscript\ntotal / 0",
        "'not reached'",
    ]
    file = tmp_path / "prices.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), file)
    notebook = nbformat.read(file, 4)
    with pytest.raises(CellExecutionError, match="DIVISION_BY_ZERO"):
        NotebookClient(notebook, timeout=TIMEOUT).execute()
    emitted, table = notebook.cells[2].outputs
    assert emitted.text == "there are 2\n"
    assert table.output_type == "execute_result"
    assert table.data["text/plain"] == "fruit  price\n─────  ─────\napple      3\nfig      1.5"
    assert table.data["text/html"].count("<tr>") == 3
    assert notebook.cells[3].outputs[0].data["text/plain"] == "9.0"
    (error,) = notebook.cells[4].outputs
    assert "\n".join(error.traceback) == (
        "In [5]:2:7: error 14 (DIVISION_BY_ZERO): division by zero\n"
        "  2 | total / 0\n"
        "    |       ^\n"
        "  in command (In [5]:2:7)"
    )
    assert notebook.cells[5].outputs == []


@pytest.mark.parametrize(
    "busy", ["while true\nendwhile", "call tool.time.Sleep(600)", 'promptuser "? " into answer'], ids=str.split
)
def test_an_interrupt_of_the_kernel_stops_the_run(kernel: Kernel, busy: str) -> None:
    def interrupt(kind: str, content: dict[str, Any]) -> None:
        if kind == "question" or (kind == "stream" and "promptuser" not in busy):
            time.sleep(0.2)  # by now it is most likely busy; where it is interrupted matters not
            kernel.manager.interrupt_kernel()

    cell = f'%%neuroscript --max-steps 100000000000\nset kept = 1\nemit "started"\n{busy}\nset kept = 2'
    messages = kernel.run(cell, interrupt)
    assert text_of_streams(messages) == "started\n"
    kind, content = messages[-1]
    assert (kind, content["evalue"]) == ("error", "interrupted")
    assert "the run was cancelled" in content["traceback"][0]
    ((kind, content),) = kernel.run("%neuroscript kept")
    assert content["data"]["text/plain"] == "1"
    ((kind, content),) = kernel.run("1 + 1")
    assert content["data"]["text/plain"] == "2"


@pytest.mark.skipif(sys.platform == "win32", reason="the platform sends no such signal")
def test_a_signal_to_terminate_ends_the_kernel_too(kernel: Kernel) -> None:
    kernel.client.execute('%%neuroscript\nemit "started"\ncall tool.time.Sleep(600)')
    while kernel.client.get_iopub_msg(timeout=TIMEOUT)["msg_type"] != "stream":
        pass
    kernel.manager.signal_kernel(signal.SIGTERM)
    deadline = time.monotonic() + TIMEOUT
    while kernel.manager.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_questions_are_answered_in_the_notebook(kernel: Kernel) -> None:
    def answer(kind: str, content: dict[str, Any]) -> None:
        if kind == "question":
            assert content["prompt"] == "who? "
            kernel.client.input("me")

    messages = kernel.run('%%neuroscript\npromptuser "who? " into who\nwho', answer)
    assert messages[-1][1]["data"]["text/plain"] == '"me"'


def test_replies_are_shown_while_they_come_and_once(kernel: Kernel) -> None:
    messages = kernel.run('%%neuroscript\nask "one two three" into reply\nreply')
    assert {kind for kind, _ in messages} == {"stream"}
    assert len(messages) > 2
    assert text_of_streams(messages) == "| echo: one two three\n"
    ((_, content),) = kernel.run("_")
    assert content["data"]["text/plain"] == "'echo: one two three'"


def test_asynchronous_tools_run_beside_the_loop_of_the_kernel(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import asyncio\n\nasync def twice(x: int) -> int:\n    await asyncio.sleep(0)\n    return 2 * x\n\n"
        "def register(interpreter):\n    interpreter.tool('slow.Twice')(twice)\n"
    )
    ((_, content),) = kernel.run("%neuroscript --tools slow.py tool.slow.Twice(4)")
    assert content["data"]["text/plain"] == "8"


def test_words_are_completed_in_the_notebook(kernel: Kernel) -> None:
    kernel.run("%neuroscript set greeting = 'hello'")
    code = "%%neuroscript\nemit tool.str.ToUpper(greet"
    content = kernel.client.complete(code, len(code), reply=True, timeout=TIMEOUT)["content"]
    assert content["matches"] == ["greeting"]
    assert (content["cursor_start"], content["cursor_end"]) == (code.index("greet"), len(code))
