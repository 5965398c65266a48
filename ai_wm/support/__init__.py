"""General helpers: the clock, ids, events, group commit, progress bars, and running blocking calls from asyncio."""
