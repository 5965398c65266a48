"""The two clocks of a job engine: that of people, which may jump, and that of the machine, which measures leases."""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"


def wall() -> float:
    """Seconds since 1970, as the machine believes; somebody may set it."""
    return time.time()


def machine() -> float:
    """Seconds of a clock that all processes of the machine share, that nobody sets, and that a new boot starts anew."""
    return time.monotonic()


def boot() -> str:
    """What tells this boot of the machine from others; empty where the system has no name for it."""
    if sys.platform == "darwin":
        return _boot_session()
    try:
        with open(_BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _boot_session() -> str:
    """The name of this boot on macOS."""
    import ctypes

    system = ctypes.CDLL(None)
    held, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
    failed = system.sysctlbyname(b"kern.bootsessionuuid", held, ctypes.byref(size), None, ctypes.c_size_t(0))
    return "" if failed else held.value.decode("ascii", "replace")
