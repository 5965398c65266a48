"""What every job engine does: a suite of tests over a `Place`, which the tests of an engine inherit."""

from __future__ import annotations

import pytest

from neuroscript.jobs import JobEngine
from tests.jobs.place import Place

from .attempts import AttemptsConformance
from .ends import EndsConformance
from .many import ManyConformance
from .processes import ProcessesConformance
from .queues import IdsAndQueuesConformance
from .starting import StartingConformance
from .values import ValuesConformance


class JobEngineConformance(
    IdsAndQueuesConformance,
    ValuesConformance,
    AttemptsConformance,
    ProcessesConformance,
    StartingConformance,
    EndsConformance,
    ManyConformance,
):
    """The suite.  Whoever inherits it has a fixture `place`."""

    @pytest.fixture
    def engine(self, place: Place) -> JobEngine:
        return place.open()
