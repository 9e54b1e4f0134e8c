"""Logs hear of every cell what its trace and its rows say, and cost none of them."""

import json
import subprocess
import sys

import pytest

import suppression as sup
from suppression.errors import UserError
from suppression.execution import executor
from suppression.execution.store import Store
from suppression.execution.telling import Telling
from suppression.exp import main
from suppression.logs import as_logs, scalars
from suppression.metrics.units import without_units

ONE = {"method": "simclr", "tau": 0.2, "size2": 12, "redraw": 0.0}  # one cell
WORDS = ["digit_size", "--scale", "smoke", "--method", "simclr", "--tau", "0.2", "--size2", "12"]


@pytest.fixture(autouse=True)
def no_workers(monkeypatch):
    """Cells are trained in this process, which is the same to a log and saves seconds."""

    def here(cells, probe, context, hear, *, unasked, **_):
        return executor.run_here(cells, probe, context, hear, unasked=unasked)

    monkeypatch.setattr("suppression.execution.scheduler.run", here)


class Recorder:
    """A user's own log."""

    def __init__(self, store):
        self.store, self.heard, self.in_store = Store(store), [], []

    def begin(self, cell):
        self.heard.append(("begin", cell))

    def log(self, cell, step, values):
        self.in_store.append(self.store.has(cell.key))
        self.heard.append(("log", step, values))

    def end(self, cell, rows):
        self.heard.append(("end", rows))


def trace_of(store, key):
    """The lines of a cell's file, each as a log hears it."""
    lines = (store / "cells" / key / "trace.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [("log", row.pop("step"), row) for row in rows]


def test_a_log_hears_a_training_as_it_goes_and_the_next_run_the_same_from_the_store(tmp_path):
    store = tmp_path / "store"
    first, second = Recorder(store), Recorder(store)
    result = sup.run("digit_size", scale="smoke", store=store, log=first, **ONE)
    (begin, cell), *curve, (end, rows) = first.heard
    assert (begin, end, cell.stored) == ("begin", "end", False)
    assert cell.name == "simclr, tau 0.2, size2 12, seed 0"
    assert cell.parameters["samples"] == 256
    assert curve == trace_of(store, cell.key)
    assert len(curve) == 8
    assert not any(first.in_store[:-1])  # told while the cell was not done
    assert [row["accuracy"] for row in rows] == [row["accuracy"] for row in result.rows]
    assert all("units" not in row for row in rows)

    sup.run("digit_size", scale="smoke", store=store, log=second, **ONE)
    (_, again), *told = second.heard
    assert (again.id, again.stored) == (cell.id, True)
    assert told == first.heard[1:]


def test_cells_that_are_stored_are_all_told_and_a_log_may_decline(smoke):
    class Floors(Recorder):
        def begin(self, cell):
            self.heard.append(cell)
            return cell.parameters["method"] == "pixels"

    log = Floors(smoke)
    result = sup.run("digit_size", scale="smoke", store=smoke, log=log, tau=0.2)
    assert len([each for each in log.heard if isinstance(each, tuple)]) == 2  # both ends
    names = [each.name for each in log.heard if not isinstance(each, tuple)]
    assert names == [result.plan.cell_name(cell) for cell in result.plan.cells]


def test_a_log_that_fails_costs_no_cell_and_no_other_log_and_is_told_once(tmp_path, capsys):
    class Full(Recorder):
        def log(self, cell, step, values):
            super().log(cell, step, values)
            if step == 3:
                raise OSError(28, "No space left on device")

    store = tmp_path / "store"
    full, other = Full(store), Recorder(store)
    asked = {**ONE, "size2": [6, 12]}
    result = sup.run("digit_size", scale="smoke", store=store, log=[full, other], **asked)
    assert len(result.answers) == 2
    assert not result.failed_cells
    assert len(full.heard) == 5
    assert [each[0] for each in other.heard].count("end") == 2
    assert capsys.readouterr().err.count("the log Full failed and is told no more (OSError") == 1


def test_cells_that_fail_or_are_interrupted_end_without_rows(plan, tmp_path):
    log = Recorder(tmp_path)
    one, other = plan.cells[:2]
    telling = Telling(plan, Store(tmp_path), [log])
    work = tmp_path / "work" / one.key
    work.mkdir(parents=True)
    for cell in (one, other):
        telling.hear(cell, plan.probe, ("start",), pytest.fail)
    (work / "trace.jsonl").write_text('{"step": 0, "loss": 2.5}\n{"step": 1, "lo')  # half a line
    telling.hear(one, plan.probe, ("step", 1, 9, 2.5), pytest.fail)
    assert log.heard[2:] == [("log", 0, {"loss": 2.5})]
    (work / "trace.jsonl").write_text(
        '{"step": 0, "loss": 2.5}\n{"step": 1, "loss": 2.0, "spread": NaN}\n'
    )
    telling.hear(one, plan.probe, ("failed", "it diverged"), pytest.fail)
    assert log.heard[3:] == [("log", 1, {"loss": 2.0}), ("end", None)]
    telling.close(pytest.fail)
    assert log.heard[5:] == [("end", None)]


FIT = {"steps": 3, "batch": 8, "width": 2, "progress": False}
SCENES = sup.datasets.TwoDigits(canvas=16, size1=6, size2=12)


def test_fit_tells_a_log_of_each_step_and_of_its_parameters(tmp_path):
    log = Recorder(tmp_path)
    encoder = sup.fit(SCENES, tau=0.3, log=log, **FIT)
    (begin, cell), *curve, end = log.heard
    assert (begin, end) == ("begin", ("end", []))
    assert (cell.experiment, cell.name) == ("fit.two_digits", "simclr, seed 0")
    assert (cell.parameters["tau"], cell.parameters["batch"]) == (0.3, 8)
    assert [(step, values["loss"]) for _, step, values in curve] == [
        (row["step"], row["loss"]) for row in encoder.trace
    ]
    assert len(curve) == 3


def test_a_log_that_fails_costs_fit_nothing_and_one_that_is_interrupted_is_told(tmp_path):
    class Full(Recorder):
        def log(self, cell, step, values):
            raise OSError(28, "No space left on device")

    class Pressed(Recorder):
        def log(self, cell, step, values):
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="the log Full failed .* the training goes on without it"):
        assert len(sup.fit(SCENES, log=Full(tmp_path), **FIT).trace) == 3
    log = Pressed(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        sup.fit(SCENES, log=log, **FIT)
    assert log.heard[-1] == ("end", None)
    with pytest.raises(UserError, match="there is no log 'tensorbord'; did you mean"):
        sup.fit(SCENES, log="tensorbord:runs", **FIT)


def test_fit_without_a_training_begins_and_ends(tmp_path):
    log = Recorder(tmp_path)
    sup.fit(SCENES, method="untrained", width=2, progress=False, log=log)
    assert [each[0] for each in log.heard] == ["begin", "end"]


def test_scores_have_a_name_each(smoke):
    result = sup.run("digit_size", scale="smoke", store=smoke, tau=0.2)
    rows = [without_units(row) for row in result.answers[0][1]]
    found = scalars(rows)
    measured = [row for row in rows if row.get("accuracy") is not None]
    for row in measured:
        where = "/".join(row[name] for name in ("feature", "scenes", "probe", "layer"))
        assert found[f"accuracy/{where}"] == row["accuracy"]
    assert len(found) >= len(measured) > 3


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("tensorbord:runs", "did you mean 'tensorboard:DIR'"),
        ("mlflow", "mlflow says not where: mlflow:DIR or URI is wanted"),
        ("wandb: ", "wandb:PROJECT is wanted"),
    ],
)
def test_a_wrong_name_ends_with_2_also_where_nothing_is_trained(word, says, tmp_path, capsys):
    for dry in ([], ["--dry"]):
        assert main([*WORDS, *dry, "--store", str(tmp_path), "--log", word]) == 2
        assert says in capsys.readouterr().err
    assert not (tmp_path / "cells").exists()


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_missing_library_ends_with_2_and_the_line_that_brings_it(
    name, tmp_path, monkeypatch, capsys
):
    for module in ("torch.utils.tensorboard", "tensorboard", "wandb", "mlflow"):
        monkeypatch.setitem(sys.modules, module, None)
    place = tmp_path / "runs"
    assert main([*WORDS, "--store", str(tmp_path / "store"), "--log", f"{name}:{place}"]) == 2
    err = capsys.readouterr().err
    assert 'pip install "suppression[logs]"' in err
    assert f"or pip install {name}\n" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "store" / "cells").exists()


def test_an_object_that_is_no_log_is_told_what_it_lacks():
    class Half:
        def begin(self, cell): ...

    with pytest.raises(UserError, match=r"Half has no method 'log'; a log has begin\(cell\), log"):
        as_logs(Half())
    with pytest.raises(UserError, match=r"Half is a class: make a log of it, Half\(\)"):
        as_logs(Half)


def test_a_record_is_not_logged(capsys):
    assert main(["digit_size", "--recorded", "--log", "tensorboard:runs"]) == 2
    assert "--log is of a run of its own" in capsys.readouterr().err


def test_nothing_is_imported_unless_it_is_asked_for():
    code = (
        "import sys, suppression.exp, suppression.api, suppression.running, suppression.logs\n"
        "there = {'tensorboard', 'wandb', 'mlflow'} & set(sys.modules)\n"
        "assert not there, there"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
