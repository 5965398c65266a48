"""The interface to the rights of the scripts that caused a call: their owner, and what the policy lets the call do.

The host's own calls have no clearance.  It is a protocol because its implementation needs the policy and all
definitions, on which this package does not depend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ai_wm.calls.ceilings import Ceiling
from ai_wm.data.types import AIWorkerDefinition
from ai_wm.keys.approvals import Approvals, Standing


class Clearance(Protocol):
    """Protocol of the rights of one owner's scripts.  Its methods raise error 10 for what is not permitted."""

    @property
    def owner(self) -> str:
        """The owner of the scripts, stored in their records and instances."""
        ...

    @property
    def approvals(self) -> Approvals:
        """The approved destinations of keys."""
        ...

    @property
    def assumes_prices(self) -> bool:
        """Whether an unknown price is assumed rather than refused, because the only budget is the default one."""
        ...

    def find(self, id_or_name: str) -> AIWorkerDefinition:
        """Finds a definition by id or name among those that the owner sees; error 9 if there is none."""
        ...

    def standing(self, definition: AIWorkerDefinition) -> Standing:
        """Tells to whom a definition belongs."""
        ...

    def configure(self, definition: AIWorkerDefinition, *overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the effective configuration of a definition's call; later overrides win over earlier ones."""
        ...

    def shares_key(self, definition: AIWorkerDefinition) -> bool:
        """Whether a script's definition uses the same key as one of the host's definitions."""
        ...

    def ceilings(self, definition: AIWorkerDefinition) -> Sequence[Ceiling]:
        """Returns the ceilings under which a call is reserved, besides the definition's own limits."""
        ...

    def check_model(self, definition: AIWorkerDefinition) -> None:
        """Refuses a model file outside the directories that scripts may use."""
        ...

    def tell_assumed_price(self, model: str) -> None:
        """Warns, once for each model, that its price is unknown and a fallback price is assumed."""
        ...
