"""The same programs in NeuroScript and in other languages that a Python application can embed."""
