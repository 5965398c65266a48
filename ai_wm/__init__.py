"""AI worker management: a plugin of NeuroScript."""
