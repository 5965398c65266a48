"""The tools of group ``json``, from the modules that they stand in."""

from __future__ import annotations

from neuroscript.stdlib import json_, json_extract, json_schema

TOOLS = [*json_.TOOLS, *json_extract.TOOLS, *json_schema.TOOLS]
