"""``neuroscript ask``: one question to a worker."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ai_wm.cli.arguments import json_object
from ai_wm.cli.calling import ReplyWriter, add_arguments, chosen, open_manager, read_context, settings, split
from ai_wm.data.types import AIWorkerDefinition
from neuroscript import NeuroScriptError
from neuroscript.cli import FAILED, OK, UsageError, add_format, explain, print_json, write_line

if TYPE_CHECKING:
    from ai_wm.manager import AIWorkerManager

SUMMARY = "ask a worker something"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "prompt",
        metavar="PROMPT",
        nargs="*",
        help="what to ask; standard input goes ahead of it, or is the prompt itself if there is none",
    )
    add_arguments(parser)
    parser.add_argument(
        "-a",
        "--attach",
        metavar="FILE",
        action="append",
        default=[],
        type=Path,
        help="a text, an image, a PDF document or audio that goes with it; may be given several times",
    )
    parser.add_argument(
        "--schema",
        metavar="JSON",
        help="a JSON Schema that the reply must fit, or a file that holds one; the value is printed as JSON",
    )
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Asks, and prints the reply; returns the exit status."""
    prompt = " ".join(options.prompt).strip()
    if not prompt and sys.stdin.isatty():
        raise UsageError('a prompt is wanted: neuroscript ask "Name a river."')
    schema = None if options.schema is None else json_object(options.schema)
    try:
        manager = open_manager(options)
        if manager is None:
            return FAILED
        with manager:
            return _ask(manager, options, prompt, schema)
    except NeuroScriptError as error:
        sys.stdout.flush()
        write_line(sys.stderr, explain(error, {}))
        return FAILED


def _ask(manager: AIWorkerManager, options: argparse.Namespace, prompt: str, schema: dict[str, Any] | None) -> int:
    worker = chosen(manager, options.worker, lambda each: each.can_run_stateless)
    context = read_context()
    if not prompt and not context.strip():
        raise UsageError("there is no prompt, and standard input is empty")
    texts, attachments = split(options.attach)
    if prompt and context.strip():
        texts.append(context)
    writer = ReplyWriter(sys.stdout)
    streams = schema is None and options.format == "text"
    try:
        result = manager.execute_stateless_task(
            worker,
            prompt or context,
            settings(system_prompt=options.system, attach=attachments),
            on_stream=writer.show if streams else None,
            context=texts,
            schema=schema,
        )
    finally:
        writer.end()
    if options.format == "jsonl":
        _print_object(manager.get_worker_definition(worker), result)
    elif result.is_structured:
        write_line(sys.stdout, json.dumps(result.value, indent=2, ensure_ascii=False))
    return OK


def _print_object(definition: AIWorkerDefinition, result: Any) -> None:
    record = result.record
    metrics = record.llm_metrics
    print_json(
        {
            "reply": result.output,
            **({"value": result.value} if result.is_structured else {}),
            "worker": definition.name,
            "model": metrics.get("model_used", ""),
            "task_id": record.task_id,
            "input_tokens": metrics.get("input_tokens", 0),
            "output_tokens": metrics.get("output_tokens", 0),
            "cost": record.cost_incurred,
            "duration_ms": record.duration_ms,
            "finish_reason": metrics.get("finish_reason", ""),
        }
    )
