"""Cells side by side: how many, with what threads, and with what comes from outside the package."""

from __future__ import annotations

import textwrap

import pytest
import torch

from suppression import plugins
from suppression.errors import UserError
from suppression.execution import executor
from suppression.execution.context import Context
from suppression.execution.executor import Crew, how_many, run
from suppression.experiment.run import Run
from suppression.methods import METHODS, SimCLR

SMALL = {"data": "two_digits", "canvas": 16, "size1": 5, "size2": 8, "width": 2, "stem": 1}
SHORT = {"samples": 64, "batch": 16, "precision": "fp32"}


# How many


@pytest.mark.parametrize(
    ("cores", "omp", "asked", "device", "cells", "workers", "threads"),
    [
        (2, None, None, "cpu", 10, 2, 1),  # a worker a core
        (8, None, None, "cpu", 10, 8, 1),
        (8, None, None, "cpu", 3, 3, 1),  # no more workers than cells, with the same threads
        (8, None, None, "cpu", 0, 1, 1),
        (8, None, 2, "cpu", 10, 2, 4),  # cores that are left are shared
        (8, None, 3, "cpu", 10, 3, 2),
        (8, None, 3, "cpu", 1, 1, 2),
        (2, None, 5, "cpu", 10, 5, 1),  # never less than a thread
        (8, "3", None, "cpu", 10, 8, 3),  # OMP_NUM_THREADS is what each one gets
        (8, "3", 2, "cpu", 10, 2, 3),
        (8, "4,2", None, "cpu", 10, 8, 4),  # the first of a list for nested regions
        (8, "", None, "cpu", 10, 8, 1),  # set to nothing is not set
        (8, "0", 2, "cpu", 10, 2, 4),
        (8, None, None, "cuda", 10, 1, None),  # one a card, with threads as torch likes
        (8, "3", 4, "cuda:1", 10, 4, None),
        (8, None, 4, "mps", 2, 2, None),
    ],
)
def test_workers_and_their_threads(cores, omp, asked, device, cells, workers, threads, monkeypatch):
    monkeypatch.setattr(executor, "cores", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if omp is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", omp)
    assert how_many(asked, device, cells) == (workers, threads)


@pytest.mark.parametrize("words", ["abc", "-1", "2.5", "1e3", ",4", "99999", "٣"])
def test_threads_that_are_no_number_are_the_users_mistake(words, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", words)
    with pytest.raises(UserError, match=r"OMP_NUM_THREADS = .* is no number of threads"):
        how_many(None, "cpu", 4)


def test_the_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(executor.os, "sched_getaffinity", lambda who: {0, 3, 5}, raising=False)
    assert executor.cores() == 3


# From outside the package


def run_all(cells, plan, context, **how):
    """Rows, and what was heard, by cell."""
    heard = {i: [] for i in range(len(cells))}
    rows = run(cells, plan.probe, context, lambda i, event: heard[i].append(event), **how)
    return rows, heard


TOY = """
    from dataclasses import dataclass

    import torch

    from suppression import plugins
    from suppression.data import TwoDigits
    from suppression.methods import Method


    class Toy(Method):
        "Pulls the mean feature to a number."

        def __init__(self, encoder, *, goal: float = 1.0) -> None:
            super().__init__(encoder)
            self.goal = goal

        def forward(self, x1, x2, y, *local):
            return (self.encoder(x1).mean() - self.goal) ** 2


    @dataclass(frozen=True)
    class Toys(TwoDigits):
        "Two digits by another name."


    plugins.register("method", "toy", Toy)
    plugins.register("dataset", "toys", Toys)
"""


@pytest.fixture
def toy_file(tmp_path, monkeypatch, own_registries):
    path = tmp_path / "elsewhere" / "toy.py"
    path.parent.mkdir()
    path.write_text(textwrap.dedent(TOY))
    monkeypatch.setenv(plugins.PLUGINS_VARIABLE, str(path))
    return path


@pytest.mark.slow
def test_a_worker_trains_a_method_on_data_that_a_plug_in_file_brings(toy_file, plan, context):
    plugins.load()
    cell = Run.of({**SMALL, **SHORT, "data": "toys", "method": "toy", "goal": 0.5})
    assert cell.method_parameters == {"goal": 0.5}
    rows, heard = run_all([cell], plan, context, workers=1)
    assert heard[0][-1][0] == "done", heard[0][-1]
    assert rows[0]
    assert not [event for event in heard[0] if event[0] == "note"]


class FromHere(SimCLR):
    """A method of a module that a worker can find, if it is on its path."""


@pytest.fixture
def no_workers(monkeypatch):
    monkeypatch.setattr(Crew, "hire", lambda self: pytest.fail("a worker was started"))


def test_a_method_of_a_notebook_is_trained_in_this_process_one_cell_at_a_time(
    own_registries, no_workers, plan, context
):
    class Written(SimCLR):
        """As a notebook's cell defines it: nobody else can import it."""

    plugins.register("method", "written", Written)
    cells = [Run.of({**SMALL, **SHORT, "method": "written", "seed": seed}) for seed in (0, 1)]
    threads = torch.get_num_threads()
    rows, heard = run_all(cells, plan, context, workers=2)
    assert sorted(rows) == [0, 1]
    notes = [event[1] for events in heard.values() for event in events if event[0] == "note"]
    assert notes == [note for note in notes if "Written" in note and "one at a time" in note]
    assert len(notes) == 1
    assert heard[0][0] == heard[1][0] == ("start",)
    assert torch.get_num_threads() == threads


def test_a_cell_that_fails_in_this_process_is_told_and_the_next_one_goes_on(
    own_registries, no_workers, plan, context
):
    class Faulty(SimCLR):
        """Fails at once, in one of two cells."""

        def forward(self, x1, x2, y, *local):
            if self.tau == 0.5:
                raise RuntimeError("on purpose")
            return super().forward(x1, x2, y, *local)

    plugins.register("method", "faulty", Faulty)
    cells = [Run.of({**SMALL, **SHORT, "method": "faulty", "tau": tau}) for tau in (0.5, 0.2)]
    rows, heard = run_all(cells, plan, context)
    assert list(rows) == [1]
    assert heard[0][-1][0] == "failed"
    assert "on purpose" in heard[0][-1][1]


def test_what_builds_on_a_method_of_a_notebook_stays_in_this_process_too(own_registries):
    class Written(SimCLR):
        """As a notebook's cell defines it."""

    plugins.register("method", "written", Written)
    first = Run.of({**SMALL, **SHORT, "method": "written"})
    second = Run.of({**SMALL, "method": "frozen", "start": first.key})
    other = Run.of({**SMALL, **SHORT, "method": "simclr"})
    assert list(executor.AtHome([first, second, other]).indices) == [0, 1]


def test_cells_wait_for_what_they_build_on(plan, context, monkeypatch):
    """With workers that end at once, in an order that the test can see."""
    first = Run.of({**SMALL, **SHORT, "method": "simclr"})
    second = Run.of({**SMALL, "method": "frozen", "start": first.key})
    third = Run.of({**SMALL, **SHORT, "method": "simclr", "seed": 1})
    order = []

    class Instant(Crew):
        def give(self, i, cell, probe):
            self.at_work[len(self.at_work) + len(order)] = i
            order.append(("start", i, probe is not None))

        def events(self):
            i = self.at_work.pop(next(iter(self.at_work)))
            order.append(("end", i))
            yield i, ("done", [])

    monkeypatch.setattr(executor, "Crew", Instant)
    rows, _ = run_all([first, second, third], plan, context, workers=2, unasked=1)
    assert order == [
        ("start", 0, False),
        ("start", 2, True),
        ("end", 0),
        ("start", 1, True),
        ("end", 2),
        ("end", 1),
    ]
    assert rows == {0: [], 1: [], 2: []}


def test_a_worker_that_cannot_take_its_cell_says_why(plan, context, monkeypatch, tmp_path):
    """A plug-in that is there for the parent and gone for the worker."""
    monkeypatch.setenv(plugins.PLUGINS_VARIABLE, str(tmp_path / "gone.py"))
    cell = Run.of({**SMALL, **SHORT, "method": "simclr"})
    rows, heard = run_all([cell], plan, Context(store=context.store), workers=1)
    assert rows == {}
    assert heard[0][-1][0] == "failed"
    assert "gone.py" in heard[0][-1][1]
    assert "there is no such file" in heard[0][-1][1]


def test_the_package_s_own_methods_are_not_from_outside(own_registries):
    assert plugins.registered_outside() == []
    METHODS["from_here"] = FromHere
    assert plugins.registered_outside() == [("method", "from_here", FromHere)]
