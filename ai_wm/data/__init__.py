"""Data models of AI worker management, their settings, policies and totals; imports nothing else of the package."""
