"""Attempts to break out of the language or to wear out the machine, and what must come of them."""
