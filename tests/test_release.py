"""What is released: the wheel that `pipx` and `uvx` install, and the image of the Dockerfile."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TIMEOUT = 300


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, those that go over several lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_runs_as_a_user_without_rights() -> None:
    found = dict(instructions())  # the last of each
    user = found["USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user), "a number, which orchestrators can tell from root"
    assert f"--uid {user.partition(':')[0]}" in next(rest for word, rest in instructions() if "useradd" in rest)
    assert found["ENTRYPOINT"] == '["neuroscript"]'


def test_the_image_is_made_of_what_is_there() -> None:
    """Each file that it copies is in the project, and is let through to the build."""
    copied = [
        name for word, rest in instructions() if word == "COPY" and "--from" not in rest for name in rest.split()[:-1]
    ]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored


@pytest.mark.slow
def test_the_wheel_runs_alone_in_a_fresh_environment(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
        timeout=TIMEOUT,
    )
    [wheel] = tmp_path.glob("neuroscript-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"neuroscript/py.typed", "ai_wm/py.typed", "neuroscript/syntax/neuroscript.lark"} <= set(names)
    assert not [name for name in names if name.startswith(("tests", "docs", "benchmarks"))]
    [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
    links = re.findall(r"\]\(([^)]*)\)", zipfile.ZipFile(wheel).read(metadata).decode())
    assert all(link.startswith(("#", "http")) for link in links), "an index has no files beside the README"
    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", wheel], check=True, capture_output=True, timeout=TIMEOUT)
    (tmp_path / "hello.ns").write_text('command\nask "Name a river." into river\nemit river\nendcommand\n')
    run = [python.with_name("neuroscript"), "run", "hello.ns"]
    done = subprocess.run(
        run, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT, env={"HOME": str(tmp_path)}
    )
    assert (done.returncode, done.stdout) == (0, "echo: Name a river.\n")
    doctor = [python.with_name("neuroscript"), "doctor"]
    assert subprocess.run(doctor, capture_output=True, timeout=TIMEOUT, env={"HOME": str(tmp_path)}).returncode == 0
