"""The settings of a run, and how those of the command line and several configuration files combine.

Each setting has a default and a rule.  A layer that is trusted (the user's configuration, a project's file that the
user trusts, the flags) grants; one that is not (a project's file that came with a program) narrows: what would grant
more than the layers below it is left out.
"""

from __future__ import annotations

import math
import re
from fnmatch import fnmatchcase

from neuroscript.cli.status import UsageError
from neuroscript.limits import NONE, SECONDS, Limits
from neuroscript.output import one_line
from neuroscript.records import record
from neuroscript.tools.policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from neuroscript.addresses import Address

DEFAULT = "default"
"""Where a value comes from that no layer set."""

MANAGE = ("none", "own", "all")
"""Whose definitions scripts may change, from least to most."""

EXAMPLE_KEY = "env:GROQ_API_KEY=https://api.groq.com"
EXAMPLE_ADDRESS = "http://127.0.0.1:8080"

# Rules: how a layer's value meets those of the layers below.
ADD = "add"  # trusted layers add up; others grant nothing
DENY = "deny"  # every layer adds to it
ASK = "ask"  # trusted layers replace it; others leave what both name
LOWER = "lower"  # trusted layers replace it; others may lower it
LEAST = "least"  # as LOWER, in the order of the choices
HOST = "host"  # trusted layers replace it; others have no say
CHOICE = "choice"  # every layer replaces it

_SOURCE = re.compile(r"(env|config|vault|keyring|entra|aws|google):\S+", re.ASCII)
_PAIR = re.compile(r"(?P<source>.*?)=(?P<place>((?i:https?)://|provider:).*)", re.DOTALL)
_PROVIDER = re.compile(r"provider:[\w.-]+")
_FULL_NAME = re.compile(r"\w+(\.\w+)+")


@record(frozen=True)
class Setting:
    """One setting: where it stands in a configuration file, its type, its default, and how layers combine.

    Args:
        section: the table of the configuration file that it stands in.
        name: its name there.
        read: checks a value and gives it in the form that it is kept in; raises `ValueError`, saying what is expected.
        rule: how layers meet.
        default: the value that holds if no layer sets one; for rules that add up a tuple.
    """

    section: str
    name: str
    read: Callable[[Any], Any]
    rule: str
    default: Any = ()

    @property
    def path(self) -> str:
        """The name with its section: ``policy.ask``."""
        return f"{self.section}.{self.name}"


# --- reading values ---------------------------------------------------------------------------------------------------


def texts(value: Any) -> tuple[str, ...]:
    """Reads a list of strings that are not empty."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item.strip() for item in value):
        raise ValueError('a list of texts that are not empty, such as ["a", "b"]')
    return tuple(value)


def text(value: Any) -> str:
    """Reads a string that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value


def switch(value: Any) -> bool:
    """Reads a truth value."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def manage(value: Any) -> str:
    """Reads whose definitions scripts may change: one of `MANAGE`."""
    if value not in MANAGE:
        raise ValueError(" or ".join(f'"{word}"' for word in MANAGE))
    return str(value)


def address(value: Any) -> str:
    """Reads a URL prefix, and gives it in its usual spelling.  No message has the value, which may hold a password."""
    return _address(value).text


def _address(value: Any) -> Address:
    from neuroscript.addresses import Address

    wanted = f"an http or https address, such as {EXAMPLE_ADDRESS}"
    if not isinstance(value, str):
        raise ValueError(wanted)
    try:
        return Address.parse_prefix(value.strip())
    except ValueError as error:
        raise ValueError(f"{wanted}; this one cannot be used: {error}") from None


def addresses(value: Any) -> tuple[str, ...]:
    """Reads a list of addresses."""
    return tuple(address(item) for item in texts(value))


def place(value: Any) -> str:
    """Reads the place that a key may go to: an address, or ``provider:NAME``."""
    if isinstance(value, str) and _PROVIDER.fullmatch(value):
        return value
    found = _address(value)
    if found.scheme == "http" and not found.is_loopback:
        raise ValueError("an https address; over plain http a key goes to this machine alone")
    return found.text


def pair(written: str) -> tuple[str, str]:
    """Reads a key source and the place that its key may go to, ``SOURCE=URL``.  What may be a key is in no message."""
    found = _PAIR.fullmatch(written)
    if found is None or not _SOURCE.fullmatch(found["source"]):
        raise ValueError(
            f"SOURCE=URL, with env:, config:, vault:, keyring:, entra:, aws: or google: in front, such as {EXAMPLE_KEY}"
        )
    return found["source"], place(found["place"])


def keys(value: Any) -> tuple[tuple[str, str], ...]:
    """Reads a table from key sources to the places that each key may go to, as pairs."""
    if not isinstance(value, dict):
        raise ValueError('a table such as {"env:GROQ_API_KEY" = ["https://api.groq.com"]}')
    pairs = []
    for source, places in value.items():
        if not _SOURCE.fullmatch(source):
            raise ValueError('a table of sources such as "env:NAME", "config:FILE#KEY", "vault:PATH"')
        pairs += [(source, place(item)) for item in texts([places] if isinstance(places, str) else places)]
    return tuple(pairs)


def tools(value: Any) -> tuple[str, ...]:
    """Reads a list of patterns of tool names."""
    return tuple(item.removeprefix("tool.") for item in texts(value))


def number(*, whole: bool, none: bool) -> Callable[[Any], Any]:
    """Reads a number of 0 or more; ``none`` says whether "none" lifts the ceiling."""

    def read(value: Any) -> Any:
        if none and (value is None or value == NONE):
            return None
        kinds = (int,) if whole else (int, float)
        if type(value) not in kinds or not math.isfinite(value) or value < 0:
            kind = "a whole number" if whole else "a number"
            raise ValueError(f"{kind} of 0 or more" + (f', or "{NONE}"' if none else ""))
        return value

    return read


_AMOUNT, _COUNT = number(whole=False, none=True), number(whole=True, none=True)
_SECONDS, _TIMES = number(whole=False, none=False), number(whole=True, none=False)

SETTINGS = (
    Setting("policy", "ask", texts, ASK, ("*",)),
    Setting("policy", "manage", manage, LEAST, "own"),
    Setting("policy", "keys", keys, ADD),
    Setting("policy", "origins", addresses, ADD),
    Setting("policy", "overrides", texts, ADD),
    Setting("policy", "owner", text, HOST, None),
    Setting("policy", "trust_file", switch, LEAST, False),
    Setting("policy", "model_tools", tools, ADD),
    Setting("policy", "max_cost_per_run", _AMOUNT, LOWER, None),
    Setting("policy", "max_tokens_per_run", _COUNT, LOWER, None),
    Setting("policy", "max_cost_per_day", _AMOUNT, LOWER, None),
    Setting("policy", "max_tokens_per_day", _COUNT, LOWER, None),
    Setting("policy", "max_requests_per_minute", _COUNT, LOWER, None),
    Setting("policy", "max_concurrent_calls", _COUNT, LOWER, None),
    Setting("policy", "max_timeout_seconds", _SECONDS, LOWER, 600),
    Setting("policy", "max_limit_wait_seconds", _SECONDS, LOWER, 600),
    Setting("policy", "max_tool_rounds", _TIMES, LOWER, 8),
    Setting("policy", "max_retries", _TIMES, LOWER, 5),
    Setting("policy", "max_definitions", _TIMES, LOWER, 100),
    Setting("policy", "allow", tools, ADD),
    Setting("policy", "deny", tools, DENY),
    *(
        Setting("limits", name, _AMOUNT if name in SECONDS else _COUNT, LOWER, getattr(Limits(), name))
        for name in Limits.__annotations__
    ),
    Setting("run", "sandbox", text, HOST, None),
    Setting("run", "workers", text, HOST, None),
    Setting("run", "env", texts, ADD),
    Setting("run", "plugins", switch, LEAST, True),
    Setting("run", "stream", switch, CHOICE, False),
)
BY_PATH = {setting.path: setting for setting in SETTINGS}
SECTIONS = tuple(dict.fromkeys(setting.section for setting in SETTINGS))
TOOL_RULES = ("allow", "deny")
"""The settings of the policy that are about tools, and not about workers."""


@record(frozen=True)
class Value:
    """A value and the layer that it comes from: a flag, the path of a file, `DEFAULT`."""

    value: Any
    origin: str


class Settings:
    """The values of all settings, built layer by layer.

    Args:
        max_cost_per_run: the ceiling that holds if no layer sets one.
    """

    def __init__(self, max_cost_per_run: float | None = None) -> None:
        self.ignored: dict[str, list[str]] = {}
        self._values: dict[str, tuple[Value, ...]] = {}
        self._ceiling = max_cost_per_run
        for setting in SETTINGS:
            default = max_cost_per_run if setting.path == "policy.max_cost_per_run" else setting.default
            self._values[setting.path] = _values(setting, default, DEFAULT)

    def values(self, path: str) -> tuple[Value, ...]:
        """The values of a setting, each with its origin; for one that does not add up there is one."""
        return self._values[path]

    def each(self, path: str) -> tuple[Any, ...]:
        """The values of a setting that adds up."""
        return tuple(dict.fromkeys(one.value for one in self._values[path]))

    def one(self, path: str) -> Any:
        """The value of a setting that does not add up."""
        return self._values[path][0].value

    def origin(self, path: str) -> str:
        """The origin of the value of a setting that does not add up."""
        return self._values[path][0].origin

    def grant(self, path: str, value: Any, origin: str) -> None:
        """Takes the value of a trusted layer.

        Raises:
            UsageError: if it does not fit.
        """
        setting = BY_PATH[path]
        given = _values(setting, _read(setting, value, origin), origin)
        self._values[path] = self._values[path] + given if setting.rule in (ADD, DENY) else given

    def narrow(self, path: str, value: Any, origin: str) -> None:
        """Takes of the value of an untrusted layer what grants no more; anything else of it is noted in `ignored`.

        Raises:
            UsageError: if it does not fit.
        """
        setting = BY_PATH[path]
        given = _values(setting, _read(setting, value, origin), origin)
        kept, fits = _narrowed(setting, self._values[path], given)
        self._values[path] = kept
        if not fits:
            self.ignored.setdefault(origin, []).append(path)

    # --- what they come to --------------------------------------------------------------------------------------------

    def worker_policy(self) -> dict[str, Any]:
        """The policy of workers as plugins get it: the fields that are not at their defaults."""
        fields: dict[str, Any] = {}
        for setting in SETTINGS:
            if setting.section != "policy" or setting.name in TOOL_RULES:
                continue
            if setting.rule in (ADD, ASK):
                if self.each(setting.path) != setting.default:
                    fields[setting.name] = self.each(setting.path)
            elif self.one(setting.path) != setting.default:
                fields[setting.name] = self.one(setting.path)
        if "keys" in fields:
            sources = dict.fromkeys(source for source, _ in fields["keys"])
            fields["keys"] = {each: tuple(to for source, to in fields["keys"] if source == each) for each in sources}
        named = [name for name in self.each("policy.allow") if _FULL_NAME.fullmatch(name)]
        if named:
            fields["model_tools"] = tuple(dict.fromkeys([*self.each("policy.model_tools"), *named]))
        if self._ceiling is not None and self.origin("policy.max_cost_per_run") == DEFAULT:
            fields["default_ceiling"] = True
        return fields

    def tool_policy(self) -> Policy:
        """Which tools programs may call."""
        return Policy(deny=self.each("policy.deny"), exempt=self.each("policy.allow"))

    def limits(self) -> Limits:
        """What a run may use."""
        return Limits(**{name: self.one(f"limits.{name}") for name in Limits.__annotations__})


def _read(setting: Setting, value: Any, origin: str) -> Any:
    try:
        return setting.read(value)
    except ValueError as error:
        # The value of a key or an address may hold a secret that somebody put there by mistake.
        raise UsageError(f"{one_line(origin)}: {setting.path} must be {error}") from None


def _values(setting: Setting, value: Any, origin: str) -> tuple[Value, ...]:
    several = value if setting.rule in (ADD, DENY, ASK) else (value,)
    return tuple(Value(each, origin) for each in several)


def _narrowed(setting: Setting, before: tuple[Value, ...], given: tuple[Value, ...]) -> tuple[tuple[Value, ...], bool]:
    """What is left of a setting once an untrusted layer has its say, and whether that is all that the layer says."""
    match setting.rule:
        case "deny":
            return before + given, True
        case "choice":
            return given, True
        case "ask":
            within = tuple(one for one in given if any(covers(old.value, one.value) for old in before))
            still = tuple(old for old in before if any(covers(one.value, old.value) for one in given))
            both = {one.value: one for one in (*within, *still)}
            return tuple(both.values()), len(within) == len(given)
        case "lower" | "least":
            now, wanted = _rank(before[0].value), _rank(given[0].value)
            return (given if wanted < now else before), wanted <= now
    known = [one.value for one in before]
    return before, all(one.value in known for one in given)


def _rank(value: Any) -> float:
    """How much a value grants."""
    if value is None:
        return math.inf
    return MANAGE.index(value) if isinstance(value, str) else value


def covers(pattern: str, other: str) -> bool:
    """Whether a pattern of names (``*``, ``?``) certainly matches all names that another one matches."""
    if pattern == other:
        return True
    if "*" in other and "?" in pattern:
        return False
    return fnmatchcase(other, pattern.replace("[", "[[]"))
