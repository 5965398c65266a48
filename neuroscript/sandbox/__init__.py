"""File access for scripts, which cannot leave one directory."""

from neuroscript.sandbox.sandbox import Entry, Sandbox, sandbox_of

__all__ = ["Entry", "Sandbox", "sandbox_of"]
