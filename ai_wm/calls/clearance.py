"""What stands behind a call that a script caused: whose it is, and what it may do on its way.

The host's own calls have none.  It is a protocol, since it is made of a policy and the definitions, of which a call
knows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ai_wm.calls.ceilings import Ceiling
from ai_wm.data.types import AIWorkerDefinition
from ai_wm.keys.approvals import Approvals, Standing


class Clearance(Protocol):
    """What the scripts of one owner may do.  Its methods raise error 10 for what they may not."""

    @property
    def owner(self) -> str:
        """Whose scripts they are; their records and instances carry it."""
        ...

    @property
    def approvals(self) -> Approvals:
        """Where keys may be sent."""
        ...

    @property
    def assumes_prices(self) -> bool:
        """Whether a price that nobody knows is assumed: the only budget is one that nobody chose."""
        ...

    def find(self, id_or_name: str) -> AIWorkerDefinition:
        """The definition of that id or name, among those that the owner sees; error 9 if there is none."""
        ...

    def standing(self, definition: AIWorkerDefinition) -> Standing:
        """Whose a definition is."""
        ...

    def configure(self, definition: AIWorkerDefinition, *overrides: Mapping[str, Any]) -> dict[str, Any]:
        """The effective configuration with which a definition is called; later overrides go on top of earlier ones."""
        ...

    def shares_key(self, definition: AIWorkerDefinition) -> bool:
        """Whether a script's definition uses a key that one of the host's uses too."""
        ...

    def ceilings(self, definition: AIWorkerDefinition) -> Sequence[Ceiling]:
        """What a call of a definition is reserved under besides the definition's own limits."""
        ...

    def check_model(self, definition: AIWorkerDefinition) -> None:
        """Refuses a model whose file lies where scripts have nothing to look for."""
        ...

    def tell_assumed_price(self, model: str) -> None:
        """Says, once, that the price of a model is assumed."""
        ...
