"""What may import what: the compiler stands on the runtime, the caches beside it, and nothing stands on itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import neuroscript

ROOT = Path(neuroscript.__file__).parent


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): ast.parse(path.read_bytes()) for path in sorted(ROOT.rglob("*.py"))}


def imports(module: str, *, types: bool) -> set[str]:
    """The modules of the package that a module imports anywhere; those for type checkers only where ``types`` is."""
    return {name for name in _imports(MODULES[module], types) if name in MODULES and name != module}


def _imports(tree: ast.AST, types: bool) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")) if not types:
                continue
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str() as source, names=names):
                for alias in names:
                    full = f"{source}.{alias.name}"
                    yield full if full in MODULES else source
        yield from _imports(node, types)


def within(module: str, packages: str) -> bool:
    """Whether a module is one of these packages or modules, or in one; the root package stands for itself."""
    names = [f"neuroscript.{name}" for name in packages.split() if name != "root"]
    inside = any(module == name or module.startswith(f"{name}.") for name in names)
    return inside or ("root" in packages.split() and module == "neuroscript")


@pytest.mark.parametrize(
    ("package", "never"),
    [
        ("runtime", "compiler cache lint session cli root"),
        ("compiler", "cache lint session interpreter cli root"),
        ("compiler.analysis", "compiler.codegen compiler.build"),
        ("cache", "compiler syntax lint session interpreter cli root"),
        ("lint", "compiler.codegen compiler.analysis compiler.build cache session cli root"),
        ("syntax", "compiler cache lint session interpreter cli root"),
        ("runtime.abi", "runtime compiler syntax values tools stdlib records errors limits"),
    ],
)
def test_a_package_imports_nothing_above_it(package: str, never: str) -> None:
    found = {
        f"{module} imports {name}"
        for module in MODULES
        if within(module, package)
        for name in imports(module, types=True)
        if within(name, never)
    }
    assert found == set()


def test_no_module_of_the_compiler_or_the_caches_imports_itself_by_way_of_others() -> None:
    for start in (module for module in MODULES if within(module, "compiler cache lint session interpreter")):
        types = within(start, "compiler cache")
        seen: set[str] = set()
        pending = list(imports(start, types=types))
        while pending:
            module = pending.pop()
            if module not in seen:
                seen.add(module)
                pending.extend(imports(module, types=types))
        assert start not in seen
