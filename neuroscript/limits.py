"""The limits of a run, all in one place (language reference, section 9)."""

from __future__ import annotations

from neuroscript.records import record

NONE = "none"
"""How options of the command line and TOML, which have no null, say that there is no limit."""

SECONDS = frozenset({"max_seconds", "max_wall_seconds"})
"""The limits that are amounts of time, which need not be whole."""


@record(frozen=True, kw_only=True)
class Limits:
    """The limits of one run.  Every limit but ``max_wall_seconds`` is on by default; ``None`` lifts one.

    Args:
        max_steps: loop turns and procedure calls of one run.
        max_seconds: seconds of script time of one run; time inside tools that reach outside does not count.
        max_depth: procedure calls inside one another.
        max_string: characters of one string.
        max_items: items of one list, entries of one map.
        max_emitted: characters emitted by one run, all together.
        max_source: bytes of one program text.
        max_nesting: depth of blocks and brackets in a program, and of lists and maps inside one another.
        max_memory: bytes by which a run's own values may grow.
        max_written_bytes: bytes that one run may write to files, all together.
        max_files: files and folders that one run may make; deleting them gives nothing back.
        max_wall_seconds: seconds by the clock from the start of one run to its end, tools, models and waits included;
            None by default.  What waits is woken when they are over: a sleep, a model's reply, an asynchronous tool.

    Reaching a limit ends the run with error 37 (38 for nesting).  A script cannot catch that; the interpreter stays
    usable.
    """

    max_steps: int | None = 10_000_000
    max_seconds: float | None = 60.0
    max_depth: int | None = 500
    max_string: int | None = 16 * 1024 * 1024
    max_items: int | None = 1_000_000
    max_emitted: int | None = 64 * 1024 * 1024
    max_source: int | None = 1024 * 1024
    max_nesting: int | None = 100
    max_memory: int | None = 112 * 1024 * 1024
    max_written_bytes: int | None = 256 * 1024 * 1024
    max_files: int | None = 10_000
    max_wall_seconds: float | None = None

    def __post_init__(self) -> None:
        for name in Limits.__annotations__:
            value = getattr(self, name)
            if value is None:
                continue
            number = isinstance(value, int) or (name in SECONDS and isinstance(value, float))
            if not number or isinstance(value, bool) or not value >= 0:
                raise ValueError(f"Limits.{name} must be a number of 0 or more, or None, not {value!r}")

    def narrowed(self, other: Limits) -> Limits:
        """The smaller one of each limit of two."""
        found = {}
        for name in Limits.__annotations__:
            values = [value for value in (getattr(self, name), getattr(other, name)) if value is not None]
            found[name] = min(values, default=None)
        return Limits(**found)
