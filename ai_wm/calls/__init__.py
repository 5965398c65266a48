"""Calls of models: authorization, reservation under limits, the request, its price, its record and its events."""
