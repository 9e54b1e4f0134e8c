"""The store: whole or not at all, and nothing is lost when something breaks."""

import errno
import json
import multiprocessing
import os

import pytest
import torch

from suppression.errors import UserError
from suppression.execution import store as store_room
from suppression.execution.runner import run_cell
from suppression.execution.store import Store
from suppression.experiment.keys import key_of
from suppression.metrics.units import Units, packed

WEIGHTS = {"w": torch.arange(6.0).reshape(2, 3)}


def publish(store, key="k", value=1.0):
    store.publish(
        key,
        cell={"tau": value},
        weights={"w": WEIGHTS["w"] * value},
        trace=[{"step": 0, "loss": value}],
        about={"seconds": value},
    )


def test_a_published_cell_reads_back_as_it_was(tmp_path):
    store = Store(tmp_path)
    publish(store)
    assert store.keys() == ["k"]
    assert store.damage("k") is None
    assert torch.equal(store.weights("k")["w"], WEIGHTS["w"])
    assert store.trace("k") == [{"step": 0, "loss": 1.0}]
    assert store.about("k") == {"seconds": 1.0}


def test_the_key_depends_on_values_and_not_on_order_or_on_parameters_that_are_none():
    assert key_of({"a": 1, "b": 2.0}) == key_of({"b": 2.0, "a": 1, "new_parameter": None})
    assert key_of({"a": 1}) != key_of({"a": 2})


def test_a_publishing_that_is_interrupted_leaves_no_cell(tmp_path, monkeypatch):
    store = Store(tmp_path)

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(store_room.os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(store)
    assert not store.has("k")
    assert store.keys() == []
    monkeypatch.undo()
    publish(store)
    assert store.damage("k") is None
    assert list((tmp_path / "work").iterdir()) == []


def killed_while_publishing(root):
    def die(*args):
        os.kill(os.getpid(), 9)

    store_room.os.rename = die
    publish(Store(root))


def test_a_publishing_that_is_killed_leaves_no_cell_and_its_rubbish_goes_with_the_next(tmp_path):
    process = multiprocessing.get_context("fork").Process(
        target=killed_while_publishing, args=(tmp_path,)
    )
    process.start()
    process.join()
    assert process.exitcode == -9
    assert Store(tmp_path).keys() == []
    assert len(list((tmp_path / "work").iterdir())) == 1
    publish(Store(tmp_path))
    assert list((tmp_path / "work").iterdir()) == []


def test_what_a_kill_left_of_a_published_training_goes_with_the_next_run(cell, plan, context):
    rows = run_cell(cell, plan.probe, context)
    store = Store(context.store)
    for name in (cell.key, f"{cell.key}.publish-999999999", f"{'f' * 24}"):
        (store.root / "work" / name).mkdir()
        (store.root / "work" / name / "checkpoint").write_bytes(b"left")
    assert run_cell(cell, plan.probe, context) == rows
    assert [path.name for path in (store.root / "work").iterdir()] == ["f" * 24]


def test_of_two_writers_the_first_wins_and_the_second_goes(tmp_path):
    store = Store(tmp_path)
    publish(store, value=1.0)
    publish(store, value=2.0)
    assert store.about("k") == {"seconds": 1.0}
    assert store.damage("k") is None
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "cell.json", "trace.jsonl", "about.json", "sums.json"]
)
@pytest.mark.parametrize("how", ["truncated", "altered", "gone"])
def test_a_file_that_is_not_what_was_written_is_found(tmp_path, name, how):
    store = Store(tmp_path)
    publish(store)
    path = tmp_path / "cells" / "k" / name
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(
            content[: len(content) // 2]
            if how == "truncated"
            else content[:-2] + bytes([content[-2] ^ 1]) + content[-1:]
        )
    assert name in store.damage("k") or "not whole" in store.damage("k")


def test_a_damaged_cell_is_put_aside_and_not_deleted(tmp_path):
    store = Store(tmp_path)
    publish(store, "bad")
    publish(store, "good")
    aside = store.set_aside("bad")
    assert (aside / "weights.safetensors").is_file()
    assert store.keys() == ["good"]


def test_an_altered_probe_record_is_not_believed(tmp_path):
    store = Store(tmp_path)
    publish(store)
    store.put_rows("k", "linear", [{"accuracy": 0.25}])
    assert store.rows("k", "linear") == [{"accuracy": 0.25}]
    path = tmp_path / "cells" / "k" / "probes" / "linear.json"
    path.write_text(path.read_text().replace("0.25", "0.95"))
    assert store.rows("k", "linear") is None


UNITS = [Units.of([3, 3, 8], [1, 0, 1]), Units.of([3, 3, 8], [1, 1, 0])]


def test_units_are_kept_beside_the_rows_and_are_no_part_of_them(tmp_path):
    store = Store(tmp_path)
    publish(store)
    rows = [{"accuracy": 2 / 3, "units": units} for units in UNITS]
    rows.append({"nmi": 0.5})  # which has none
    store.put_rows("k", "linear", rows)
    assert store.rows("k", "linear") == rows
    told = json.loads((tmp_path / "cells" / "k" / "probes" / "linear.json").read_text())["rows"]
    assert told == [{"accuracy": 2 / 3}, {"accuracy": 2 / 3}, {"nmi": 0.5}]


def test_rows_from_before_units_were_kept_are_answers(tmp_path):
    store = Store(tmp_path)
    publish(store)
    store.put_rows("k", "linear", [{"accuracy": 0.25}])
    folder = tmp_path / "cells" / "k" / "probes"
    assert [path.name for path in folder.iterdir()] == ["linear.json"]
    assert set(json.loads((folder / "linear.json").read_text())) == {"sha256", "rows"}
    assert store.rows("k", "linear") == [{"accuracy": 0.25}]


@pytest.mark.parametrize("damage", ["gone", "another", "cut"])
def test_rows_whose_units_are_damaged_are_asked_for_again(tmp_path, damage):
    store = Store(tmp_path)
    publish(store)
    store.put_rows("k", "linear", [{"accuracy": 2 / 3, "units": UNITS[0]}])
    path = tmp_path / "cells" / "k" / "probes" / "linear.units.npz"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(packed([UNITS[1]]) if damage == "another" else path.read_bytes()[:-9])
    assert store.rows("k", "linear") is None


def test_a_full_store_is_told_and_loses_nothing(tmp_path, monkeypatch):
    store = Store(tmp_path)
    publish(store, "before")

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_room, "write_through", full)
    with pytest.raises(UserError, match=r"No space left on device.*--store"):
        publish(store, "after")
    assert store.keys() == ["before"]
    assert store.damage("before") is None


def test_a_store_that_cannot_be_written_is_told_before_any_work(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot be written"):
        Store(tmp_path / "file").check_writable()


def test_a_checkpoint_that_was_truncated_is_told_and_not_used(tmp_path):
    work = Store(tmp_path).workplace("k")
    work.log({"step": 0, "loss": 1.0})
    work.save(WEIGHTS, 1)
    tensors, step = Store(tmp_path).workplace("k").load()
    assert (step, tensors["w"].tolist()) == (1, WEIGHTS["w"].tolist())
    path = tmp_path / "work" / "k" / "checkpoint"
    path.write_bytes(path.read_bytes()[:-3])
    work = Store(tmp_path).workplace("k")
    assert work.load() is None
    assert "checksum" in work.damaged


def test_a_trace_cut_short_by_a_kill_goes_on_from_its_checkpoint(tmp_path):
    work = Store(tmp_path).workplace("k")
    for step in range(4):
        work.log({"step": step, "loss": 1.0})
        if step == 1:
            work.save(WEIGHTS, 2)
    with (tmp_path / "work" / "k" / "trace.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    work = Store(tmp_path).workplace("k")
    work.load()
    assert [row["step"] for row in work.trace] == [0, 1]


@pytest.mark.parametrize("bit", range(8))
def test_a_trace_under_way_that_is_damaged_is_told_and_the_cell_starts_anew(tmp_path, bit):
    work = Store(tmp_path).workplace("k")
    for step in range(3):
        work.log({"loss": 1.0, "step": step})
    work.save(WEIGHTS, 3)
    path = tmp_path / "work" / "k" / "trace.jsonl"
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :])
        work = Store(tmp_path).workplace("k")
        assert work.load() is None
        assert "trace.jsonl is not what was written" in work.damaged
        assert path.read_bytes() == b""
    path.write_bytes(whole)
    assert Store(tmp_path).workplace("k").load()[1] == 3


def test_sums_hold_every_file_of_a_cell(tmp_path):
    publish(Store(tmp_path))
    folder = tmp_path / "cells" / "k"
    named = set(json.loads((folder / "sums.json").read_text())) | {"sums.json", "probes"}
    assert named == {path.name for path in folder.iterdir()}
