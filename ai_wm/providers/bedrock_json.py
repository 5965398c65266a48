"""Replies of Bedrock's models that fit a JSON Schema: by ``outputConfig``, or as the arguments of a tool.

Models that enforce a schema take it as ``outputConfig.textFormat``; the others refuse that, and are made to call a tool
whose arguments are the reply; to those that cannot be made to call one it is told in the system prompt.  The service
does not say which model does what, so that the ways are tried in this order, as the refusals ask for.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from ai_wm.providers.json_schema import NotExpressible, for_anthropic
from ai_wm.providers.options import ResponseFormat

JSON_TOOL: Final = "reply_in_json"
"""The name of the tool whose arguments are the reply."""

_FORMAT: Final = "textFormat"

Body = dict[str, Any]


def with_schema(body: Body, shape: ResponseFormat) -> Body | None:
    """Returns a request that asks for a schema; None where only words can, since its root is no object."""
    schema = shape.schema or {}
    if not _is_object(schema):
        return None
    try:
        text = json.dumps(for_anthropic(schema), ensure_ascii=False)
    except NotExpressible:  # a map with free keys, say
        return with_json_tool(body, schema)
    structure = {"jsonSchema": {"name": shape.name, "schema": text}}
    return {**body, "outputConfig": {_FORMAT: {"type": "json_schema", "structure": structure}}}


def schema_of(body: Body) -> dict[str, Any] | None:
    """Returns the schema that a request asks for by ``outputConfig``; None if it asks for none."""
    found = body.get("outputConfig")
    form = found.get(_FORMAT) if isinstance(found, Mapping) else None
    try:
        schema = json.loads(form["structure"]["jsonSchema"]["schema"]) if form else None
    except (KeyError, TypeError, ValueError):  # the definition's own
        return None
    return schema if isinstance(schema, dict) and _is_object(schema) else None


def without_output_format(body: Body) -> Body:
    """Returns a request without the schema in its ``outputConfig``, of which anything else stays."""
    left = {key: value for key, value in body["outputConfig"].items() if key != _FORMAT}
    return {key: value for key, value in {**body, "outputConfig": left}.items() if key != "outputConfig" or value}


def with_json_tool(body: Body, schema: Mapping[str, Any]) -> Body | None:
    """Returns a request that makes the model call a tool with the reply; None where it is to call another one."""
    config = body.get("toolConfig", {})
    if "auto" not in config.get("toolChoice", {"auto": {}}):
        return None
    tools = config.get("tools", [])
    spec = {
        "name": JSON_TOOL,
        "description": "Gives the reply to the user, once there is nothing left to do before it.",
        "inputSchema": {"json": dict(schema)},
    }
    choice: dict[str, Any] = {"any": {}} if tools else {"tool": {"name": JSON_TOOL}}
    return {**body, "toolConfig": {"tools": [*tools, {"toolSpec": spec}], "toolChoice": choice}}


def json_tool_schema(body: Body) -> dict[str, Any] | None:
    """Returns the schema that a request asks for by a tool; None if it asks for none."""
    specs = (tool.get("toolSpec", {}) for tool in body.get("toolConfig", {}).get("tools", ()))
    return next((spec["inputSchema"]["json"] for spec in specs if spec.get("name") == JSON_TOOL), None)


def without_json_tool(body: Body) -> Body:
    """Returns a request without the tool whose arguments are the reply, and without being made to call any."""
    tools = [tool for tool in body["toolConfig"]["tools"] if tool.get("toolSpec", {}).get("name") != JSON_TOOL]
    left = {key: value for key, value in body.items() if key != "toolConfig"}
    return {**left, "toolConfig": {"tools": tools}} if tools else left


def answered(content: list[dict[str, Any]], stop: str, offered: Collection[str]) -> tuple[list[dict[str, Any]], str]:
    """Returns the content and the stop reason of a reply in which a call of `JSON_TOOL` is the text that it stands for.

    What the model has written beside it is no part of the reply.  Calls of other tools come first: then the model is
    asked again.

    Args:
        content: the content blocks.
        stop: the stop reason.
        offered: the tools of the request.
    """
    uses = [block.get("toolUse") for block in content]
    mine = [use for use in uses if isinstance(use, Mapping) and is_json_tool(use, offered)]
    if not mine:
        return content, stop
    rest = [block for block, use in zip(content, uses, strict=True) if not is_json_tool(use, offered)]
    if any(block.get("toolUse") for block in rest):
        return rest, stop
    given = mine[0].get("input")
    text = given if isinstance(given, str) else json.dumps({} if given is None else given, ensure_ascii=False)
    return [*(block for block in rest if "text" not in block), {"text": text}], (
        "end_turn" if stop == "tool_use" else stop
    )


def is_json_tool(use: Any, offered: Collection[str]) -> bool:
    """Whether a ``toolUse`` is a call of `JSON_TOOL`, and not of a tool of the host's with its name."""
    return isinstance(use, Mapping) and use.get("name") == JSON_TOOL and JSON_TOOL not in offered


def _is_object(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object" or ("properties" in schema and "type" not in schema)
