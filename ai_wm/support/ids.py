"""Generation of ids for tasks and instances."""

from __future__ import annotations

import os
import random
from typing import Final

_VERSION_4: Final = 0x4 << 76 | 0x8 << 60
_FREE_BITS: Final = (1 << 128) - 1 ^ (0xF << 76 | 0xC << 60)

_random = random.Random()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


def new_id() -> str:
    """Generates a random UUID (version 4).

    It is no secret, so it does without the system call of ``uuid.uuid4``, at which every other thread gets its turn
    first.
    """
    number = _random.getrandbits(128) & _FREE_BITS | _VERSION_4
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class ExactId(str):
    """The id of a definition that was found before; it is not tried as a name, since another may have that name."""

    __slots__ = ()
