"""Ids of tasks and instances."""

from __future__ import annotations

import os
import random
import uuid

_random = random.Random()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


def new_id() -> str:
    """A random UUID (version 4).  It is no secret, so it does without the system call of ``uuid.uuid4``, at which
    every other thread gets its turn first."""
    return str(uuid.UUID(int=_random.getrandbits(128), version=4))
