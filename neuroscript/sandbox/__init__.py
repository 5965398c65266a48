"""File access for scripts, which cannot leave one directory."""

from neuroscript.sandbox.protection import Protection
from neuroscript.sandbox.sandbox import FileEntry, Sandbox

__all__ = ["FileEntry", "Protection", "Sandbox"]
