"""Tests of `neuroscript.jobs`."""
