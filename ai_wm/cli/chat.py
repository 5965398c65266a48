"""``neuroscript chat``: a conversation with a worker."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ai_wm.cli.calling import ReplyWriter, add_arguments, chosen, open_manager, settings
from ai_wm.store.prompt_log import PromptLog, is_on, log_path
from ai_wm.support.ids import ExactId
from neuroscript import NeuroScriptError
from neuroscript.cli import FAILED, OK, UsageError, complain, did_you_mean, explain, visible, write_line

if TYPE_CHECKING:
    from ai_wm.manager import AIWorkerManager
    from ai_wm.workers.conversation import ConversationManager

SUMMARY = "talk with a worker"

HELP = """\
What you type goes to the worker, with all that was said before. A backslash at the end of a line goes on with the next.

  :help         this page
  :attach FILE  send an image, a PDF document or audio along with what you say next
  :clear        forget what was said
  :cost         show what the conversation used and cost so far
  :quit         leave (as do exit, quit and Ctrl-D)

Ctrl-C ends a reply that comes, and not the conversation."""

COMMANDS = {":help": ":help", ":attach": ":attach FILE", ":clear": ":clear", ":cost": ":cost", ":quit": ":quit"}
"""The commands, each with how it is written."""

_LAST = ""
"""The conversation that ``--continue`` without a number goes on with."""

_SHOWN_AGAIN = 2
_COMMAND = re.compile(r":[A-Za-z?]+( |$)")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_arguments(parser)
    parser.add_argument(
        "-c",
        "--continue",
        dest="resumed",
        metavar="NUMBER",
        nargs="?",
        const=_LAST,
        help="go on with the last conversation in the log, or with the one that this call of it belongs to",
    )


def run(options: argparse.Namespace) -> int:
    """Holds a conversation until the input ends; returns the exit status."""
    try:
        manager = open_manager(options)
        if manager is None:
            return FAILED
        with manager:
            return _Chat(manager, options).hold()
    except NeuroScriptError as error:
        sys.stdout.flush()
        write_line(sys.stderr, explain(error, {}))
        return FAILED


class _Chat:
    """One conversation at the terminal, or from a pipe."""

    def __init__(self, manager: AIWorkerManager, options: argparse.Namespace) -> None:
        self._manager = manager
        self._interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._attached: list[Path] = []
        self._failed = False
        log, conversation, earlier = None, "", []
        if options.resumed is not None:
            log = PromptLog(log_path())
            conversation = _conversation(log, options.resumed, options.worker or "")
            earlier = [call for _, call in reversed(log.calls(conversation=conversation)) if not call.error]
        name = options.worker or (earlier[-1].worker if earlier else None)
        worker = chosen(manager, name, lambda each: each.can_chat)
        self._instance = ExactId(
            manager.spawn_worker_instance(worker, settings(system_prompt=options.system)).instance_id
        )
        self._name = manager.get_worker_definition(worker).name
        self._talk: ConversationManager = manager.conversation(self._instance)
        for call in earlier:
            self._talk.add_user_message(call.prompt)
            self._talk.add_model_message(call.reply)
        if log is not None and manager.prompt_log is not None:
            manager.prompt_log.continues(self._instance, conversation)
        self._earlier = earlier

    def hold(self) -> int:
        """Reads what is said, until the end."""
        read = self._reader()
        if self._interactive:
            write_line(sys.stdout, f"Talking with {visible(self._name)}. :help explains, Ctrl-D leaves.")
            for call in self._earlier[-_SHOWN_AGAIN:]:
                write_line(sys.stdout, f"> {call.prompt}\n{call.reply}")
        while True:
            try:
                text = read()
            except KeyboardInterrupt:
                continue
            except EOFError:
                break
            if text.strip() in ("exit", "quit", ":quit", ":q"):
                break
            if _COMMAND.match(text.strip()):
                self._command(text.strip())
            elif text.strip():
                self._say(text)
        if self._interactive and not is_on() and self._talk.history:
            write_line(sys.stdout, "This is not kept; to go on later with conversations to come: neuroscript log on")
        return FAILED if self._failed else OK

    def _say(self, text: str) -> None:
        writer = ReplyWriter(sys.stdout)
        try:
            self._talk.ask(text, settings(attach=self._attached), on_stream=writer.show)
            self._attached = []
        except NeuroScriptError as error:
            writer.end()
            self._failed = not self._interactive
            sys.stdout.flush()
            write_line(sys.stderr, explain(error, {}))
        except KeyboardInterrupt:
            writer.end()
            if not self._interactive:
                raise
            complain("interrupted; what was said last does not count")
        finally:
            writer.end()

    def _command(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        match word:
            case ":help":
                write_line(sys.stdout, HELP)
            case ":clear":
                self._talk.clear()
                self._attached = []
                write_line(sys.stdout, "What was said is forgotten.")
            case ":cost":
                self._tell_cost()
            case ":attach" if rest.strip():
                path = Path(os.path.expanduser(rest.strip()))
                if path.is_file():
                    self._attached.append(path)
                else:
                    complain(f"there is no file {rest.strip()!r}")
            case _:
                meant = did_you_mean(word, COMMANDS)
                complain(f"there is no command {word!r}" + (meant or f"; there are {', '.join(COMMANDS.values())}"))

    def _tell_cost(self) -> None:
        definition = ExactId(self._talk.session.definition_id)
        filters = {"instance_id": str(self._instance)}
        records = self._manager.performance_record_maps(definition, filters)
        tokens = [sum(row["llm_metrics"].get(name, 0) for row in records) for name in ("input_tokens", "output_tokens")]
        cost = sum(row["cost_incurred"] for row in records)
        replies = f"{len(records)} {'reply' if len(records) == 1 else 'replies'}"
        write_line(sys.stdout, f"{replies}: {tokens[0]} tokens in, {tokens[1]} out, cost {cost:g}")

    def _reader(self) -> Callable[[], str]:
        """A function that reads what is said next; raises `EOFError` at the end."""
        if not self._interactive:
            return _next_line
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import InMemoryHistory

        # What is typed is kept in the log or nowhere.
        session: PromptSession[str] = PromptSession(
            "> ", history=InMemoryHistory([each.prompt for each in self._earlier])
        )
        return lambda: _whole(lambda: session.prompt(), lambda: session.prompt(". "))


def _next_line() -> str:
    def line() -> str:
        found = sys.stdin.readline()
        if not found:
            raise EOFError
        return found.rstrip("\r\n")

    return _whole(line, line)


def _whole(first: Callable[[], str], more: Callable[[], str]) -> str:
    """Reads lines as long as they end with a backslash."""
    text = first()
    while text.endswith("\\"):
        try:
            text = f"{text[:-1]}\n{more()}"
        except EOFError:
            return text[:-1]
    return text


def _conversation(log: PromptLog, number: str, worker: str) -> str:
    """The conversation to go on with.

    Raises:
        UsageError: if the log has none like that.
    """
    if number == _LAST:
        found = log.last_conversation(worker)
        if not found:
            hint = "" if is_on() else "; conversations are kept from now on after: neuroscript log on"
            raise UsageError(f"there is no conversation in the log to go on with{hint}")
        return found
    call = log.call(int(number)) if number.isascii() and number.isdigit() else None
    if call is None or call.conversation.startswith("stateless-"):
        raise UsageError(f"there is no conversation {number!r} in the log (neuroscript log list)")
    return call.conversation
