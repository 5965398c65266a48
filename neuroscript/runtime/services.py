"""Objects that plugins share with their tools, by name, made when they are first needed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Services(dict[str, "Any"]):
    """A dictionary whose values may come from a factory: ``services[name]`` makes what is not there yet."""

    def __init__(self) -> None:
        super().__init__()
        self._factories: dict[str, Callable[[], Any]] = {}

    def provide(self, name: str, factory: Callable[[], Any]) -> None:
        """Has ``factory`` make the object called ``name`` when it is first asked for."""
        self._factories[name] = factory

    def __missing__(self, name: str) -> Any:
        factory = self._factories.get(name)
        if factory is None:
            raise KeyError(name)
        self[name] = made = factory()
        return made
