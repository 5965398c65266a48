"""The sub-command ``neuroscript workers``."""
