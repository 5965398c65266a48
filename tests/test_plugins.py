"""Plugins are found where `importlib.metadata` finds them, and one that is broken is named."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError, plugins
from neuroscript import interpreter as interpreter_module

OURS = f"[console_scripts]\nx = y:z\n\n[{plugins.PLUGINS}]\nsecond = two\nfirst = one.module:register\n"
OTHERS = "[console_scripts]\nx = y:z\n"
STANDARD = [place for place in sys.path if Path(place).is_dir() and not list(Path(place).glob("*-info"))]


def distribution(place: Path, name: str, text: str | None = None) -> None:
    """Installs a distribution as far as it tells of its entry points."""
    folder = place / name
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Name: {name.partition('-')[0]}\nVersion: 1\n")
    if text is not None:
        (folder / "entry_points.txt").write_text(text, encoding="utf-8")


def found(path: list[str], monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    monkeypatch.setattr(sys, "path", [*path, *STANDARD])
    return [(entry.name, entry.value) for entry in plugins.entries(plugins.PLUGINS)]


def test_what_is_installed_is_found_in_the_order_of_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, "ours-1.0.dist-info", OURS)
    distribution(tmp_path, "others-1.0.dist-info", OTHERS)
    distribution(tmp_path, "plain-1.0.dist-info")
    distribution(tmp_path, "mention-1.0.dist-info", f"[console_scripts]\nx = {plugins.PLUGINS}:z\n")
    distribution(tmp_path, "legacy.egg-info", f"[{plugins.PLUGINS}]\nthird = three:make\n")
    distribution(tmp_path, "no_distribution", OURS)
    assert found([str(tmp_path)], monkeypatch) == [
        ("first", "one.module:register"),
        ("second", "two"),
        ("third", "three:make"),
    ]


def test_the_first_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path / "a", "Ours-2.0.dist-info", OTHERS)
    distribution(tmp_path / "b", "ours-1.0.dist-info", OURS)
    assert found([str(tmp_path / "a"), str(tmp_path / "b")], monkeypatch) == []
    assert len(found([str(tmp_path / "b"), str(tmp_path / "a"), str(tmp_path / "b")], monkeypatch)) == 2


def test_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("ours-1.0.dist-info/METADATA", "Name: ours\nVersion: 1\n")
        archive.writestr("ours-1.0.dist-info/entry_points.txt", OURS)
    assert len(found([str(tmp_path / "archive.zip")], monkeypatch)) == 2
    distribution(tmp_path / "legacy-1.0.egg", "EGG-INFO", OURS)
    assert len(found([str(tmp_path / "legacy-1.0.egg")], monkeypatch)) == 2


class InMemory(metadata.Distribution):
    """A distribution that is in no directory, as those of zipped applications and editable installs may be."""

    def __init__(self, name: str, files: dict[str, str]) -> None:
        self.files_by_name = {"METADATA": f"Name: {name}\nVersion: 1\n", **files}

    def read_text(self, filename: str) -> str | None:
        return self.files_by_name.get(filename)

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(path)


class Finder(metadata.DistributionFinder):
    """A finder of one's own for distributions, on ``sys.meta_path``."""

    def __init__(self, *distributions: metadata.Distribution) -> None:
        self.distributions = distributions

    def find_spec(self, *_: Any) -> None:
        return None

    def find_distributions(
        self,
        context: metadata.DistributionFinder.Context = metadata.DistributionFinder.Context(),  # noqa: B008
    ) -> Iterator[metadata.Distribution]:
        return (one for one in self.distributions if context.name in (None, one.metadata["Name"]))


Install = Callable[[str], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs one package with a plugin, whose entry point is given; only a finder knows of it."""

    def installed(value: str) -> None:
        package = InMemory("weather-tools", {"entry_points.txt": f"[{plugins.PLUGINS}]\nweather = {value}\n"})
        monkeypatch.setattr(sys, "meta_path", [Finder(package), *sys.meta_path])
        monkeypatch.setattr(sys, "path", STANDARD)
        interpreter_module._plugins.cache_clear()

    yield installed
    interpreter_module._plugins.cache_clear()


def add_weather(interpreter: Interpreter) -> None:
    @interpreter.tool("weather.Now")
    def now() -> str:
        return "rain"


def add_forecast(interpreter: Interpreter) -> None:
    add_weather(interpreter)
    interpreter.load("func forecast() means\n  return 'sun'\nendfunc", "weather.ns")


def fails(interpreter: Interpreter) -> None:
    raise ZeroDivisionError("oops")


def add_greeting(interpreter: Interpreter) -> None:
    interpreter.services["seen"] = interpreter.services["greeting"]


def test_a_plugin_finds_the_services_that_the_host_gave(install: Install) -> None:
    install(f"{__name__}:add_greeting")
    with Interpreter(services={"greeting": "hello"}) as interpreter:
        assert interpreter.services["seen"] == "hello"
    with Interpreter(services={"other": 1}) as interpreter, pytest.raises(NeuroScriptError) as caught:
        assert interpreter.services
    assert caught.value.code == 18


def test_a_plugin_that_another_finder_knows_is_loaded(install: Install) -> None:
    install(f"{__name__}:add_weather")
    with Interpreter() as interpreter:
        interpreter.load("func main() means\n  return tool.weather.Now()\nendfunc")
        assert interpreter.run("main") == "rain"


CALLS_A_TOOL = """
func down(needs n) means
  if n <= 0
    return 0
  endif
  return down(n - 1)
endfunc
func main() means
  return [tool.weather.Now(), down(3)]
endfunc
"""


@pytest.mark.parametrize("loaded_before", [0, 1], ids=["compiled", "from the cache"])
def test_a_plugin_may_load_a_program_while_the_program_that_needs_it_is_linked(
    install: Install, loaded_before: int
) -> None:
    install(f"{__name__}:add_forecast")
    for _ in range(loaded_before):
        with Interpreter() as other:
            other.load(CALLS_A_TOOL)
    with Interpreter() as interpreter:
        interpreter.load(CALLS_A_TOOL)
        assert [program.name for program in interpreter.programs] == ["weather.ns", "<script>"]
        assert [interpreter.run(name) for name in ("main", "forecast")] == [["rain", 0], "sun"]
        interpreter.load("func down(needs n) means\n  return 'replaced'\nendfunc", replace=True)
        assert interpreter.run("main") == ["rain", "replaced"]


def test_a_program_that_loads_a_plugin_may_not_define_the_procedures_of_that_plugin(install: Install) -> None:
    install(f"{__name__}:add_forecast")
    source = "func forecast() means\n  return tool.weather.Now()\nendfunc"
    with Interpreter() as interpreter:
        with pytest.raises(NeuroScriptError, match=r"'forecast' is defined already, in weather\.ns on line 1"):
            interpreter.load(source)
        assert interpreter.run("forecast") == "sun"
        interpreter.load(source, replace=True)
        assert interpreter.run("forecast") == "rain"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no_such_module:register", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        (f"{__name__}:missing", "cannot be loaded: AttributeError: "),
        (f"{__name__}:fails", "failed: ZeroDivisionError: oops"),
    ],
)
def test_a_broken_plugin_is_named(install: Install, value: str, problem: str) -> None:
    install(value)
    with Interpreter() as interpreter:
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.tools.lookup("weather.Now")
        assert caught.value.code == 18
        where = f"the plugin 'weather' ({value}, of the package weather-tools) {problem}"
        assert caught.value.message.startswith(where)


def test_a_plugin_that_cannot_be_loaded_is_named_to_whoever_asks(install: Install) -> None:
    install("no_such_module:register")
    with Interpreter() as interpreter:
        for ask in (
            lambda: interpreter.tools.get("weather.Now"),
            lambda: interpreter.tools.names(),
            lambda: interpreter.services,
            interpreter.asker,
        ):
            for _ in range(2):
                with pytest.raises(NeuroScriptError, match="'weather'"):
                    ask()
    with Interpreter(plugins=False) as interpreter:
        assert interpreter.tools.get("weather.Now") is None
