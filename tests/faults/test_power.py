"""What a loss of power leaves of files that are written: the old ones, or the new ones, whole."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch

from suppression.execution.store import Store
from suppression.metrics.units import Units
from suppression.writing import finish, replace, replace_all, replacing

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="what is synced is known by its number only"
)


@pytest.fixture(scope="module")
def power():
    """The module of the benchmarks, which is on no path."""
    spec = spec_from_file_location("power", BENCHMARKS / "power.py")
    module = sys.modules["power"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["power"]


@pytest.fixture
def left(power, tmp_path):
    """`left(work, before)`: every folder that may be found after power was lost in `work`.

    Both are called with a folder; what `before` does to it is on the disk already.
    """

    def states(work, before=lambda folder: None):
        room, found = tmp_path / "room", tmp_path / "found"
        room.mkdir()
        before(room)
        with power.watched(room) as disk:
            work(room)
        for tree in disk.every_state():
            power.write(tree, found)
            yield found
            shutil.rmtree(found)

    return states


def contents(folder):
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


OLD = {"a.csv": b"old rows", "a.svg": b"old figure", "a.json": b"old sums"}
NEW = {name: content.replace(b"old", b"new") for name, content in OLD.items()}


def test_a_file_that_is_replaced_is_the_old_or_the_new_one(left):
    seen = set()
    for found in left(lambda room: replace(room / "a", b"new"), partial(put, {"a": b"old"})):
        seen.add((found / "a").read_bytes())
    assert seen == {b"old", b"new"}


def put(files, room):
    for name, content in files.items():
        (room / name).write_bytes(content)


def test_a_file_that_is_written_in_its_own_time_is_the_old_or_the_new_one(left):
    def work(room):
        with replacing(room / "a") as file:
            for part in (b"ne", b"w"):
                file.write(part)
        (room / "done").write_bytes(b"")

    seen = set()
    for found in left(work, partial(put, {"a": b"old"})):
        seen.add((found / "a").read_bytes())
        if (found / "done").exists():  # whoever was told so may rely on it
            assert (found / "a").read_bytes() == b"new"
    assert seen == {b"old", b"new"}


def test_files_that_are_replaced_together_are_finished_or_undone(left):
    seen = []
    for found in left(lambda room: replace_all(room, NEW), partial(put, OLD)):
        own = f".{os.getpid()}"
        for path in found.glob(f".*{own}"):  # of a process that no longer runs
            path.rename(path.with_suffix(".999999999"))
        finish(found, list(NEW))
        seen.append(contents(found))
    assert OLD in seen
    assert NEW in seen
    assert [each for each in seen if each not in (OLD, NEW)] == []


def test_what_undoes_files_that_were_half_written_can_lose_power_too(left):
    beside = {f".{name}.999999999": content for name, content in NEW.items()}
    for found in left(lambda room: finish(room, list(NEW)), partial(put, {**OLD, **beside})):
        finish(found, list(NEW))
        assert contents(found) == OLD


def test_what_finishes_files_that_were_half_renamed_can_lose_power_too(left):
    first, *others = NEW
    beside = {f".{name}.999999999": NEW[name] for name in others}
    half = {**OLD, first: NEW[first], **beside}
    for found in left(lambda room: finish(room, list(NEW)), partial(put, half)):
        finish(found, list(NEW))
        assert contents(found) == NEW


WEIGHTS = {"w": torch.arange(6.0)}
KEY = "0" * 24


def publish(room):
    store = Store(room / "new" / "store")
    store.publish(KEY, cell={"tau": 1.0}, weights=WEIGHTS, trace=[{"step": 0}], about={})


def checkpointed(room, steps=2):
    work = Store(room / "new" / "store").workplace(KEY)
    work.load()
    for step in range(steps):
        work.log({"step": step, "loss": 1.0})
    work.save(WEIGHTS, steps)


def test_a_cell_is_there_whole_or_its_checkpoint_still_is(left):
    seen = set()
    for found in left(publish, checkpointed):
        store = Store(found / "new" / "store")
        seen.add(store.has(KEY))
        if store.has(KEY):
            assert store.damage(KEY) is None
        else:
            assert store.workplace(KEY).load()[1] == 2
    assert seen == {True, False}


def test_a_cell_that_was_published_stays(power, tmp_path):
    with power.watched(tmp_path) as disk:
        publish(tmp_path)
    every = len(disk.changes)
    for lost in disk.losses(every):
        names = {path.as_posix() for path in disk.left(every, lost)}
        assert f"new/store/cells/{KEY}/sums.json" in names


def test_a_checkpoint_is_never_behind_the_one_before_it_and_has_its_trace(left):
    steps = set()

    def goes_on(room):
        work = Store(room / "new" / "store").workplace(KEY)
        work.load()
        for step in (2, 3):
            work.log({"step": step, "loss": 1.0})
        work.save(WEIGHTS, 4)

    for found in left(goes_on, checkpointed):
        work = Store(found / "new" / "store").workplace(KEY)
        steps.add(work.load()[1])
        assert work.damaged is None
    assert steps == {2, 4}


def probed(rows, room):
    Store(room / "new" / "store").put_rows(KEY, "probe-0", rows)


def test_the_record_of_a_probe_is_the_old_or_the_new_one_or_asked_for_again(left):
    units = Units.of([3, 3, 8], [1, 0, 1])
    old, new = [{"accuracy": 0.25, "units": units}], [{"accuracy": 0.75, "units": units}]

    def before(room):
        publish(room)
        probed(old, room)

    seen = []
    for found in left(partial(probed, new), before):
        store = Store(found / "new" / "store")
        assert store.damage(KEY) is None
        seen.append(store.rows(KEY, "probe-0"))
    assert [each for each in seen if each not in (old, new, None)] == []
    assert seen[0] == old
    assert seen[-1] == new


def test_a_damaged_cell_that_is_put_aside_is_not_lost(left):
    for found in left(lambda room: Store(room / "new" / "store").set_aside(KEY), publish):
        (weights,) = found.rglob("weights.safetensors")
        assert weights.stat().st_size


def test_a_cell_that_is_discarded_is_whole_or_gone(left):
    for found in left(lambda room: Store(room / "new" / "store").discard(KEY), publish):
        store = Store(found / "new" / "store")
        assert store.keys() == [] or store.damage(KEY) is None


def test_what_the_disk_is_said_to_hold_in_the_end_is_what_it_holds(power, tmp_path):
    """The oracle itself: with nothing lost it is the real folder, and unsynced bytes are lost."""
    room, found = tmp_path / "room", tmp_path / "found"
    (room / "old").mkdir(parents=True)
    (room / "old" / "file").write_bytes(b"old")
    with power.watched(room) as disk:
        publish(room)
        checkpointed(room)
        (room / "old" / "file").rename(room / "moved")
        (room / "old").rmdir()
        with (room / "moved").open("ab") as file:
            file.write(b" and new")
        shutil.rmtree(room / "new" / "store" / "work")
    every = len(disk.changes)
    power.write(disk.left(every, frozenset()), found)
    assert contents(found) == contents(room)
    assert sorted(path.name for path in found.iterdir()) == ["moved", "new"]
    shutil.rmtree(found)
    power.write(disk.left(every, frozenset(disk.not_synced(every))), found)
    assert (found / "old" / "file").read_bytes() == b"old"
