"""Tests: they mirror the packages, and read as examples."""
