"""The optional extra ``local``, when it is not there."""

from __future__ import annotations

import sys

import pytest

from ai_wm.providers import Clients
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.providers.support import request


def test_without_the_extra_a_model_file_says_how_to_get_it(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(NeuroScriptError, match=r"pip install 'neuroscript\[local\]'") as caught:
        clients.for_provider("local", "m.gguf").complete(request("local", model="m.gguf"))
    assert caught.value.code == 18
