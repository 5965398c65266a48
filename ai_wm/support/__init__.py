"""General helpers: clock, ids, events, group commit, process locks, progress bars, and blocking calls from asyncio."""
