"""Seeing a run: its trace, its profile, its timeline, and the step debugger.

Each is a `Watcher`, or is told of calls of models; `neuroscript.runtime.watching` says what a run tells.
"""
