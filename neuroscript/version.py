"""The version of the distribution, in a module that imports nothing, so that any other may ask for it."""

__version__ = "0.1.0"
