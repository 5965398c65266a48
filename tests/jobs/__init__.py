"""Queues and jobs."""
