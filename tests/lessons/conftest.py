"""Trained in this process: a worker that is spawned takes seconds to import torch."""

from __future__ import annotations

import pytest

from suppression.execution import executor


@pytest.fixture
def in_this_process(monkeypatch):
    """Cells are run one after the other, as those are that no worker can run."""

    def run(cells, probe, context, hear, *, workers=None, unasked=0):
        return executor.run_here(cells, probe, context, hear, unasked=unasked)

    monkeypatch.setattr(executor, "run", run)
