"""Settles what a command gives to the programs that it runs, from its flags and the configuration files.

Most runs have no configuration and no flags on trust; for them nothing more than this module is imported.
"""

from __future__ import annotations

import os

from neuroscript.cli.options import existing_directory, make_limits
from neuroscript.cli.source import STDIN
from neuroscript.cli.status import UsageError
from neuroscript.records import record
from neuroscript.tools.policy import Policy
from neuroscript.user_directories import user_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from neuroscript.cli.settings import Settings
    from neuroscript.interpreter import Interpreter
    from neuroscript.limits import Limits

MAX_COST = 5.0
"""What one ``neuroscript run`` may cost unless told otherwise: people run there what they did not write."""

POLICY_SERVICE = "worker_policy"
"""The service in which plugins find what the host grants to scripts that use workers: a map of field names."""

CHANGED_SERVICE = "worker_policy_changed"
"""The service that a plugin may offer: a function that is told the map when it is another one."""

WORKERS_VARIABLE = "NEUROSCRIPT_WORKERS"
"""The environment variable that names the directory of the workers."""

WORKERS_FLAG = "--workers"
SANDBOX_FLAG = "--sandbox"
DEFAULT_PLACE = "default"
"""The origin of the user's default directory of workers."""

DIRECTORY_SERVICE = "worker_directory"
"""The service in which plugins find the directory of the workers: a map with its ``path``, and ``stores_additions``,
which says whether what scripts add there is stored, rather than living for their run."""

LOG_SERVICE = "prompt_log"
"""The service that lets plugins keep what models are asked and answer, if the user wants that."""

JOBS_SERVICE = "jobs"
"""The service in which the tools for jobs find a function that gives them the queues."""

JOBS_PIECE = "jobs.end"
"""The kind of what a journaled run commits when it has taken note of the end of a job."""

USER_FILE = "config.toml"
PROJECT_FILE = "neuroscript.toml"


@record(frozen=True)
class WorkersPlace:
    """The directory of the workers, and where it was named: a flag, `WORKERS_VARIABLE`, a file, or `DEFAULT_PLACE`."""

    path: str
    origin: str

    @property
    def is_default(self) -> bool:
        """Whether it is the user's default directory, in which nothing that scripts add is stored."""
        return self.origin == DEFAULT_PLACE


@record(frozen=True)
class Host:
    """The files, variables, limits and permissions that a command gives to programs.

    Args:
        sandbox: the directory that they may read and write.
        environment: names of the variables that they may read.
        plugins: whether installed plugins are loaded.
        stream: whether replies are shown while they come.
        limits: what a run may use.
        tools: which tools they may call; None: the default.
        services: what plugins find of what the host grants.
    """

    sandbox: str | None
    environment: list[str]
    plugins: bool
    stream: bool
    limits: Limits
    tools: Policy | None
    services: dict[str, Any]


def make_host(options: argparse.Namespace, program: str, max_cost: float | None) -> Host:
    """Makes the `Host` of a command from its options and the configuration files.

    Args:
        options: what was parsed of the options of `options.add_host`, `add_limits` and `add_policy`.
        program: the path of the program, beside which and above which a project's configuration is looked for.
        max_cost: the ceiling on the cost of a run that holds if nobody sets one.

    Raises:
        UsageError: if a configuration file cannot be used.
    """
    user, projects = configuration_files(program)
    if user is None and not projects and not has_policy(options):
        workers = {} if max_cost is None else {"max_cost_per_run": max_cost, "default_ceiling": True}
        stream = getattr(options, "stream", False)
        limits = make_limits(options)
        services = services_of(workers_place(options), workers)
        return Host(options.sandbox, options.env, not options.no_plugins, stream, limits, None, services)
    return host_of(settings_of(options, program, max_cost), options)


def settings_of(options: argparse.Namespace, program: str, max_cost: float | None) -> Settings:
    """Makes the settings of a command, which know where each value comes from, defaults too.

    Raises:
        UsageError: if a configuration file cannot be used.
    """
    from neuroscript.cli.configuration import layered

    user, projects = configuration_files(program)
    return layered(options, user, projects, max_cost)


def host_of(settings: Settings, options: argparse.Namespace) -> Host:
    """Makes the `Host` that the settings describe.

    Raises:
        UsageError: if the directory of the workers is none.
    """
    return Host(
        settings.one("run.sandbox"),
        list(settings.each("run.env")),
        settings.one("run.plugins"),
        settings.one("run.stream"),
        settings.limits(),
        settings.tool_policy(),
        services_of(workers_place(options, settings), settings.worker_policy()),
    )


def find_place(options: argparse.Namespace, program: str = STDIN) -> WorkersPlace:
    """Chooses the directory of the workers, where there has to be one.

    Args:
        options: with ``workers`` and ``sandbox``.
        program: the path of the program that is run; for a command that runs none, files in its directory count.

    Raises:
        UsageError: if a configuration file cannot be used, or there is no home directory.
    """
    user, projects = configuration_files(program)
    place = workers_place(options, settings_of(options, program, None) if user is not None or projects else None)
    if place is None:
        raise UsageError("there is no home directory for the workers; name a directory: --workers DIR")
    return place


def workers_place(options: argparse.Namespace, settings: Settings | None = None) -> WorkersPlace | None:
    """Chooses the directory of the workers.

    In this order: ``--workers``, the variable `WORKERS_VARIABLE`, ``--sandbox``, a configuration file, the default.

    Args:
        options: with ``workers`` and ``sandbox``.
        settings: what configuration files say; None: there are none.

    Returns:
        the directory, which need not exist; None where the user has no home directory.
    """
    named = os.environ.get(WORKERS_VARIABLE, "").strip()
    for path, origin in ((options.workers, WORKERS_FLAG), (named, WORKERS_VARIABLE), (options.sandbox, SANDBOX_FLAG)):
        if path:
            return WorkersPlace(path, origin)
    for setting in ("run.workers", "run.sandbox"):
        if settings is not None and settings.one(setting) is not None:
            return WorkersPlace(settings.one(setting), settings.origin(setting))
    directory = user_directory("data")
    return WorkersPlace(os.path.join(directory, "workers"), DEFAULT_PLACE) if directory is not None else None


def services_of(place: WorkersPlace | None, policy: dict[str, Any]) -> dict[str, Any]:
    """The services by which an interpreter's plugins learn of the directory of the workers, and of the policy.

    Raises:
        UsageError: if a flag names what is no directory.
    """
    services: dict[str, Any] = {POLICY_SERVICE: policy, LOG_SERVICE: True}
    if place is None or place.origin == SANDBOX_FLAG or (place.is_default and not os.path.isdir(place.path)):
        return services
    if place.origin == WORKERS_FLAG or os.path.lexists(place.path):
        existing_directory(place.path, place.origin)
    directory = {"path": os.path.abspath(place.path), "stores_additions": not place.is_default}
    return {**services, DIRECTORY_SERVICE: directory}


def has_policy(options: argparse.Namespace) -> bool:
    """Whether one of the options of `options.add_policy` was given."""
    names = ("allow_key", "allow_origin", "allow_setting", "ask", "manage", "allow", "deny")
    amounts = ("max_cost", "max_tokens")
    return any(getattr(options, name) for name in names) or any(getattr(options, name) is not None for name in amounts)


def check_patterns(interpreter: Interpreter, options: argparse.Namespace, plugins: bool) -> None:
    """Refuses a flag that names no tool there is: a rule that denies nothing by mistake would be a hole.

    Args:
        interpreter: whose tools there are.
        options: with the flags.
        plugins: whether plugins are loaded; without them their tools may be named all the same.

    Raises:
        UsageError: naming the nearest tools.
    """
    if not plugins:
        return
    for flag, patterns in (("--deny", options.deny), ("--allow", options.allow)):
        for pattern in patterns:
            others = Policy(deny=(pattern,), grants=("*",))
            if all(others.permits(spec) for spec in interpreter.tools.specs()):
                near = ", ".join(f"tool.{name}" for name in interpreter.tools.near(pattern))
                hint = f"; the nearest are {near}" if near else " (neuroscript tools lists them)"
                raise UsageError(f"{flag}: there is no tool {pattern!r}{hint}")


def configuration_files(program: str) -> tuple[str | None, list[str]]:
    """The user's configuration file, if there is one, and those of the project, from the root down.

    All of the project's count, so that a program that brings one does not hide what a directory above it says.
    """
    directory = user_directory("config")
    user = os.path.join(directory, USER_FILE) if directory is not None else None
    if user is not None and not os.path.lexists(user):
        user = None
    found = []
    try:
        place = os.getcwd() if program == STDIN else os.path.dirname(os.path.realpath(program))
    except (OSError, ValueError):  # the working directory is gone, or that is no path: reading the program will tell
        return user, []
    while True:
        path = os.path.join(place, PROJECT_FILE)
        if os.path.lexists(path):
            found.append(path)
        above = os.path.dirname(place)
        if above == place:
            return user, found[::-1]
        place = above
