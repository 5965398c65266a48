"""Warnings about programs that load, but hardly do what their author means."""

from neuroscript.lint.linter import lint

__all__ = ["lint"]
