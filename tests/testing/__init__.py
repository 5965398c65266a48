"""Tests of the runner of tests."""
