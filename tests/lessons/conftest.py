"""Lessons' own trainings, in this process: a spawned worker takes seconds to import torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from suppression import running
from suppression.execution import executor


@pytest.fixture
def in_this_process(monkeypatch):
    """Cells are run one after the other, as those are that no worker can run; none is drawn."""

    def run(cells, probe, context, hear, *, workers=None, unasked=0):
        return executor.run_here(cells, probe, context, hear, unasked=unasked)

    monkeypatch.setattr(executor, "run", run)
    monkeypatch.setattr(running, "keep_figure", lambda *of_what: Path("none.png"))
