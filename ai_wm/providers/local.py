"""The client for GGUF models in this process, run by llama.cpp with the optional extra ``local`` (``xllamacpp``).

The engine is llama.cpp's own server: it applies the model's chat template, batches calls and speaks chat completions,
so requests and replies are those of the OpenAI adapter.  A model is loaded when it is first asked, once for each way of
loading it, and freed by `LocalClient.close`.  The engine also opens a port on the loopback interface, which nothing
here uses; it is locked with a random key.
"""

from __future__ import annotations

import gc
import os
import secrets
import stat
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol, cast

from ai_wm.providers import openai
from ai_wm.providers.adapter import BadReply, StreamError
from ai_wm.providers.base import Delta, LLMRequest, LLMResponse, ModelInfo, Usage, check_request
from ai_wm.providers.errors import AttemptFailed, as_error, from_reply
from ai_wm.providers.options import bad_option, check_settings, timeout_seconds
from ai_wm.providers.retry import Attempts
from neuroscript import ErrorCode, NeuroScriptError

# The context that a model is given unless its definition says otherwise; what it was trained for may not fit in memory.
DEFAULT_CONTEXT = 4096
BUILT_IN_MODELS = ("echo", "scripted")
"""The models that need no file."""

# Options of a definition that say how the model is loaded; all others go with each call.
_LOADING = ("n_ctx", "n_gpu_layers", "n_parallel", "n_threads", "chat_template")


class _Engine(Protocol):
    """Protocol of the one method of ``xllamacpp.Server`` that is used."""

    def handle_chat_completions(self, body: dict[str, Any], callback: Callable[[Any], bool | None]) -> Any: ...


@dataclass(frozen=True, slots=True)
class _Loading:
    path: Path
    options: tuple[tuple[str, Any], ...]


class LocalClient:
    """Answers with GGUF models loaded in this process.

    Args:
        directory: where a relative path of a model starts; default the working directory.

    Raises (from its calls):
        NeuroScriptError: 18 where the extra is not installed or the file is no model, 40 where there is no such file,
            31 after ``timeout_seconds``, 47 where the conversation does not fit, 16 for the rest.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._engines: dict[_Loading, _Engine] = {}
        self._closed = False

    def complete(self, request: LLMRequest) -> LLMResponse:
        """Generates a reply and returns it when it is complete."""
        response: LLMResponse | None = None
        for delta in self.stream(request):
            response = delta.response
        return cast(LLMResponse, response)

    def stream(self, request: LLMRequest) -> Iterator[Delta]:
        """Generates a reply and yields it in pieces as they come; the last one carries the whole response."""
        check_request(request)
        check_settings(request)
        engine = self._engine(request)
        config = {key: value for key, value in request.config.items() if key not in _LOADING}
        call = openai.build(replace(request, config=config), stream=True)
        attempts = Attempts(timeout_seconds(request.config), 0, request.check)
        attempts.begin()
        parser = openai.stream_parser(request)
        text: list[str] = []
        chunks = _Generation(engine, call.body).chunks(attempts)
        try:
            for chunk in chunks:
                piece = parser.feed("", chunk)
                text.append(piece)
                if piece:
                    yield Delta(text=piece)
            if not parser.ended():
                raise BadReply("generation ended without a finish reason")
            response = parser.response()
        except StreamError as error:
            failure = from_reply(200, error.reply, ())
            failure.details["text"] = error.text
        except BadReply as error:
            failure = AttemptFailed(ErrorCode.LLM_ERROR, f"the engine's reply cannot be used: {error}")
        except AttemptFailed as failed:
            failure = failed
        else:
            yield Delta(response=replace(response, model=request.model))
            return
        finally:
            chunks.close()
        if any(text):
            spent = max(parser.usage.output_tokens, sum(map(bool, text)))
            failure.usage = Usage(input_tokens=parser.usage.input_tokens, output_tokens=spent)
            failure.details["text"] = "".join(text)
        where = f"local/{request.model}"
        raise as_error(failure, 1, (), where, provider="local", model=request.model)

    def close(self) -> None:
        """Frees every loaded model.  A running call keeps its model until it ends."""
        with self._lock:
            self._closed = True
            self._engines.clear()
        gc.collect()

    def _engine(self, request: LLMRequest) -> _Engine:
        xllamacpp = _import(request.model)
        path = model_path(request.model, self._directory)
        options = tuple((key, request.config[key]) for key in _LOADING if request.config.get(key) is not None)
        loading = _Loading(path.absolute(), options)
        with self._lock:
            if self._closed:
                raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, "the model clients are closed")
            if loading not in self._engines:
                self._engines[loading] = _load(xllamacpp, loading, request.model)
            return self._engines[loading]


def model_path(model: str, directory: Path | None) -> Path:
    """Returns the file of a model; a relative name is in ``directory``, or else in the working directory."""
    path = Path(os.path.expanduser(model))
    return path if path.is_absolute() or directory is None else directory / path


def local_models(directory: Path | None) -> list[ModelInfo]:
    """Returns the built-in models, and the GGUF files in a directory and those directly below it."""
    root = directory if directory is not None else Path()
    files = sorted(path for pattern in ("*.gguf", "*/*.gguf") for path in root.glob(pattern))
    return [ModelInfo(id=name) for name in (*BUILT_IN_MODELS, *(path.relative_to(root).as_posix() for path in files))]


class _Generation:
    """One generation, run in its own thread so that waiting for it can end early."""

    def __init__(self, engine: _Engine, body: dict[str, Any]) -> None:
        self._engine = engine
        self._body = body
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._stopped = threading.Event()

    def chunks(self, attempts: Attempts) -> Generator[Any, None, None]:
        """Yields the chunks as they come.  Closing the iterator stops the generation at its next token."""
        thread = threading.Thread(target=self._run, name="neuroscript-local-model", daemon=True)
        thread.start()
        try:
            while True:
                try:
                    chunk = self._queue.get(timeout=max(0.001, min(0.1, attempts.remaining())))
                except Empty:
                    attempts.check()
                    if attempts.remaining() <= 0:
                        raise AttemptFailed(
                            ErrorCode.TIMEOUT, f"no complete reply within {attempts.timeout:g} s (timeout_seconds)"
                        ) from None
                    continue
                if chunk is None:
                    return
                if isinstance(chunk, Exception):
                    raise BadReply(str(chunk))
                yield chunk
                attempts.check()
        finally:
            self._stopped.set()

    def _run(self) -> None:
        try:
            self._engine.handle_chat_completions(self._body, self._take)
            self._queue.put(None)
        except Exception as error:  # the engine's own; it is raised again where the reply is read
            self._queue.put(error)

    def _take(self, chunk: Any) -> bool:
        self._queue.put(chunk)
        return self._stopped.is_set()


def _import(model: str) -> Any:
    try:
        return import_module("xllamacpp")
    except ImportError:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            f"the local model {model!r} needs llama.cpp, the optional extra 'local': pip install 'neuroscript[local]' "
            "(the models echo and scripted need nothing)",
        ) from None


def _load(xllamacpp: Any, loading: _Loading, model: str) -> _Engine:
    path = loading.path
    try:
        # A pipe without a partner would block the open for ever.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            magic = file.read(4) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except OSError as error:
        raise NeuroScriptError(
            ErrorCode.PROVIDER_NOT_FOUND,
            f"the local model {model!r} is not there ({error.strerror}); expected echo, scripted or a GGUF file",
        ) from None
    if magic != b"GGUF":
        raise NeuroScriptError(ErrorCode.CONFIGURATION, f"the local model {model!r} is not a GGUF file")
    options = dict(loading.options)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = os.fspath(path)
    parameters.n_parallel = _whole(options, "n_parallel", 1, least=1)
    # The engine shares its context out among the calls that it serves at once.
    parameters.n_ctx = _whole(options, "n_ctx", DEFAULT_CONTEXT, least=1) * parameters.n_parallel
    parameters.n_gpu_layers = _whole(options, "n_gpu_layers", parameters.n_gpu_layers, least=-2)
    for group in (parameters.cpuparams, parameters.cpuparams_batch):
        group.n_threads = _whole(options, "n_threads", group.n_threads, least=-1)
    if "chat_template" in options:
        if not isinstance(options["chat_template"], str):
            raise bad_option("chat_template", options["chat_template"], "a text")
        parameters.chat_template = options["chat_template"]
    parameters.warmup = False
    parameters.verbosity = -1
    parameters.api_keys = [secrets.token_hex(32)]
    parameters.ui = parameters.endpoint_slots = parameters.endpoint_props = False
    try:
        return cast(_Engine, xllamacpp.Server(parameters))
    except RuntimeError as error:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION, f"the local model {model!r} cannot be loaded: {error}"
        ) from error


def _whole(options: dict[str, Any], key: str, default: int, *, least: int) -> int:
    value = options.get(key, default)
    if type(value) is not int or value < least:
        raise bad_option(key, value, f"a whole number of at least {least}")
    return value
