"""The runtime: runs, limits, errors and events, values that are changed in place."""
