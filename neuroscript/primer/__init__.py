"""The primer: one page that tells a model how to write programs for one host, short enough for a prompt."""

from __future__ import annotations

from neuroscript.primer.page import MAX_CHARACTERS, make_primer, primer_of

__all__ = ["MAX_CHARACTERS", "make_primer", "primer_of"]
