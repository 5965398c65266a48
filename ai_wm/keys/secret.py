"""Secrets: API keys as objects that show ``***`` wherever they are printed, formatted or logged."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any, NoReturn, Self

from ai_wm.data.types import MASK


class Secret:
    """An API key that shows itself as ``***`` everywhere; only `get` returns its text."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def get(self) -> str:
        """Returns the key itself.  Call it where the key is sent, and store the result nowhere."""
        return self.__value

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self.__value.encode(), other.__value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Secret cannot be pickled; resolve the key again where it is needed")
