"""File access for scripts, which cannot leave one directory."""

from neuroscript.sandbox.sandbox import FileEntry, Sandbox, sandbox_of

__all__ = ["FileEntry", "Sandbox", "sandbox_of"]
