"""Records: published whole, read strictly, grown by their own cells, also very old ones."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import suppression
from suppression import writing
from suppression.errors import UserError
from suppression.experiment.plan import make_plan
from suppression.experiment.rows import to_csv
from suppression.methods import METHODS
from suppression.metrics.units import Units, packed
from suppression.reporting.records import (
    check_free,
    files_of_rows,
    grown,
    read_record,
    record_to_grow,
    whole_record,
    write,
)
from suppression.writing import one_at_a_time

SCORES = {"feature": "first", "scenes": "alone", "probe": "linear", "layer": "h", "accuracy": 0.5}
LATER = ("redraw", "blank")
FACTS = {
    "command": "python -m suppression.exp",
    "recorded": "2026-01-01",
    "cells": 4,
    "failed": 0,
    "pins": {},
    "seeds": [0],
    "training_seconds": {"sum": 10, "longest": 2.5},
    "peak_mb": None,
    "precision": ["fp32"],
    "commits": ["0" * 7],
    "libraries": {"torch": "2"},
    "python": "3",
    "device": "cpu",
    "machine": "a machine",
    "cores": 2,
    "threads": 1,
}


@pytest.fixture(scope="module")
def plan():
    """None of its cells has the later parameters on."""
    return make_plan("digit_size_replace", scale="smoke")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("record")


def rows_of(plan):
    return [{"experiment": plan.name, **SCORES, **cell.named_parameters} for cell in plan.cells]


def before(rows):
    """The rows as they were before there were the later parameters."""
    return [{name: row[name] for name in row if name not in LATER} for row in rows]


def csv_of(rows):
    return to_csv([{**dict.fromkeys(("low", "high")), **row} for row in rows])


def path_of(folder, plan, ending):
    return folder / f"{plan.name}.{plan.scale}.{ending}"


def recorded(folder, plan, rows, facts=FACTS):
    """A record as old ones are, without checksums."""
    path_of(folder, plan, "csv").write_text(csv_of(rows))
    path_of(folder, plan, "json").write_text(json.dumps(facts))


def published(folder, plan, rows, svg=b"<svg/>"):
    name = f"{plan.name}.{plan.scale}"
    return write(folder, name, {"svg": svg, "csv": csv_of(rows).encode()}, [FACTS])


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# --- old records -----------------------------------------------------------------------------


def test_a_row_has_later_parameters_at_their_defaults(plan, tmp_path):
    recorded(tmp_path, plan, before(rows_of(plan)))
    rows, _ = read_record(tmp_path, plan)
    trained = [row for row in rows if METHODS[row["method"]].trains]
    assert {row["redraw"] for row in trained} == {0.0}
    assert not any(row.get("blank") for row in rows)
    # Where nothing is trained there is no augmentation and no second view, and none comes later.
    floors = [row for row in rows if not METHODS[row["method"]].trains]
    assert {row["method"] for row in floors} == {"untrained", "random_features", "pixels"}
    assert {(row.get("jitter"), row.get("redraw")) for row in floors} == {(None, None)}


@pytest.mark.parametrize("cut", [0, 3])
def test_a_record_from_before_a_parameter_grows_and_its_cells_are_replaced(plan, tmp_path, cut):
    """Also one that has grown once: its first rows are empty where later ones have a value."""
    new = rows_of(plan)
    recorded(tmp_path, plan, [*before(new[cut:]), *new[:cut]])
    known, _ = record_to_grow(plan, plan, tmp_path, {})
    parameters = set().union(*(cell.named_parameters for cell in plan.cells))
    assert len(grown(known, new, parameters)) == len(new)


# --- published whole -------------------------------------------------------------------------


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_where_one_file_cannot_be_written_none_has_changed(plan, tmp_path, monkeypatch, fails_at):
    published(tmp_path, plan, rows_of(plan))
    old = content_of(tmp_path)
    through, written = writing.write_through, []

    def full(path, content):
        if len(written) == fails_at:
            through(path, content[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        through(path, content)

    monkeypatch.setattr(writing, "write_through", full)
    with pytest.raises(UserError, match="No space left on device; what was there has not changed"):
        published(tmp_path, plan, rows_of(plan)[1:], b"another")
    assert content_of(tmp_path) == old


def test_where_a_folder_stands_in_the_place_of_a_file_none_has_changed(plan, tmp_path):
    published(tmp_path, plan, rows_of(plan))
    path_of(tmp_path, plan, "svg").unlink()
    path_of(tmp_path, plan, "svg").mkdir()
    old = content_of(tmp_path)
    with pytest.raises(UserError, match="Is a directory"):
        published(tmp_path, plan, rows_of(plan)[1:])
    assert content_of(tmp_path) == old


@pytest.mark.parametrize("renamed", [1, 2])
def test_a_record_whose_writing_was_killed_half_way_is_not_taken_for_a_whole_one(
    plan, tmp_path, monkeypatch, renamed
):
    published(tmp_path, plan, rows_of(plan))
    done = []

    def killed(source, target, rename=os.replace):
        if len(done) == renamed:
            raise KeyboardInterrupt
        done.append(rename(source, target))

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        published(tmp_path, plan, rows_of(plan)[1:])
    with pytest.raises(UserError, match=r"\.csv is not what was written with .*\.json"):
        read_record(tmp_path, plan)


def publish_and_die(folder, plan, rows, renamed):
    """Replace a record, and die as by SIGKILL before the rename of this number."""
    done = []

    def rename(source, target, real=os.replace):
        if len(done) == renamed:
            os._exit(9)
        done.append(real(source, target))

    os.replace = rename
    published(folder, plan, rows)


@pytest.mark.parametrize("renamed", [0, 1, 2])
def test_a_record_whose_writing_was_killed_is_read_as_it_was_or_as_it_was_to_be(
    plan, tmp_path, renamed
):
    published(tmp_path, plan, rows_of(plan))
    fewer = rows_of(plan)[1:]
    process = multiprocessing.get_context("fork").Process(
        target=publish_and_die, args=(tmp_path, plan, fewer, renamed)
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    rows, _ = read_record(tmp_path, plan)
    assert len(rows) == len(fewer) + (renamed == 0)
    path_of(tmp_path, plan, "csv").write_bytes(b"other")
    with pytest.raises(UserError, match=r"\.csv is not what was written with .*\.json"):
        read_record(tmp_path, plan)


def test_any_file_of_a_record_keeps_its_place(plan, tmp_path):
    name = f"{plan.name}.{plan.scale}"
    check_free(tmp_path, name)
    check_free(tmp_path / "none", name)
    for ending in ("csv", "svg", "json", "pictures.png"):
        path_of(tmp_path, plan, ending).write_bytes(b"")
        with pytest.raises(UserError, match=f"already .*{ending}.*--grow .* --overwrite"):
            check_free(tmp_path, name)
        path_of(tmp_path, plan, ending).unlink()


def test_pictures_of_a_record_that_is_replaced_go_with_it(plan, tmp_path):
    name = f"{plan.name}.{plan.scale}"
    old = {"csv": b"1", "pictures.png": b"of the old cells", "svg": b"<svg/>"}
    write(tmp_path, name, old, [FACTS])
    write(tmp_path, name, {"csv": b"2", "svg": b"<svg/>"}, [FACTS, FACTS])  # it grew
    assert (tmp_path / f"{name}.pictures.png").exists()
    write(tmp_path, name, {"csv": b"3", "svg": b"<svg/>"}, [FACTS])
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".svg", ".json"}


def add_one(path, times):
    for _ in range(times):
        with one_at_a_time(path):
            path.write_text(str(int(path.read_text()) + 1))


def test_what_two_processes_add_at_once_is_all_there(tmp_path):
    path = tmp_path / "count"
    path.write_text("0")
    spawning = multiprocessing.get_context("fork")
    both = [spawning.Process(target=add_one, args=(path, 200)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(30)
    assert path.read_text() == "400"
    assert [each.name for each in tmp_path.iterdir()] == ["count"]


def test_checksums_are_of_the_last_writing_and_pictures_that_stay_keep_theirs(plan, tmp_path):
    name, csv = f"{plan.name}.{plan.scale}", csv_of(rows_of(plan)).encode()
    write(tmp_path, name, {"csv": b"old", "svg": b"", "pictures.png": b"png"}, [FACTS])
    first = json.loads(path_of(tmp_path, plan, "json").read_text())
    assert set(first["sha256"]) == {"csv", "pictures.png"}
    write(tmp_path, name, {"csv": csv, "svg": b"new"}, [first, FACTS])
    rows, (was, now) = read_record(tmp_path, plan)
    assert len(rows) == len(plan.cells)
    assert "sha256" not in was
    assert now["sha256"]["pictures.png"] == first["sha256"]["pictures.png"]
    path_of(tmp_path, plan, "svg").write_bytes(b"drawn anew by a report")
    read_record(tmp_path, plan)
    path_of(tmp_path, plan, "pictures.png").write_bytes(b"other")
    with pytest.raises(UserError, match=r"pictures\.png is not what was written"):
        read_record(tmp_path, plan)


# --- the correctness behind its accuracies -----------------------------------------------------


def with_correctness(plan):
    """Rows of which all but the first bear their units."""
    rows = [{**dict.fromkeys(("low", "high")), **row} for row in rows_of(plan)]
    for i, row in enumerate(rows[1:]):
        row["units"] = Units.of([4, 4, 9], [i % 2, 1, 0])
    return rows


def units_in(rows):
    return [row.get("units") for row in rows]


def write_with_correctness(folder, plan, rows):
    files = {"svg": b"<svg/>", **files_of_rows(rows)}
    return write(folder, f"{plan.name}.{plan.scale}", files, [FACTS])


def test_units_are_written_and_read_with_the_record_and_are_no_column_of_it(plan, tmp_path):
    rows = with_correctness(plan)
    assert write_with_correctness(tmp_path, plan, rows) == ["csv", "units.npz", "svg", "json"]
    found, (made,) = read_record(tmp_path, plan)
    assert units_in(found) == units_in(rows)
    assert set(made["sha256"]) == {"csv", "units.npz"}
    assert "units" not in path_of(tmp_path, plan, "csv").read_text().splitlines()[0]


def test_a_record_without_units_is_read_and_may_grow_by_rows_with_units(plan, tmp_path):
    published(tmp_path, plan, rows_of(plan))
    known, _ = record_to_grow(plan, plan, tmp_path, {})
    assert units_in(known) == [None] * len(known)
    parameters = set().union(*(cell.named_parameters for cell in plan.cells))
    later = [{**row, "seed": 1} for row in with_correctness(plan)]
    rows = grown(known, later, parameters)
    write_with_correctness(tmp_path, plan, rows)
    found, _ = read_record(tmp_path, make_plan(plan.name, scale="smoke", seeds=2))
    assert units_in(found) == [*units_in(known), *units_in(later)]


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_units_that_are_not_what_was_written_are_told(plan, tmp_path, damage):
    write_with_correctness(tmp_path, plan, with_correctness(plan))
    path = path_of(tmp_path, plan, "units.npz")
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match=r"units\.npz"):
        read_record(tmp_path, plan)


def test_units_of_other_rows_are_told(plan, tmp_path):
    rows = with_correctness(plan)
    files = {**files_of_rows(rows), "units.npz": packed(units_in(rows)[1:])}
    write(tmp_path, f"{plan.name}.{plan.scale}", files, [FACTS])
    with pytest.raises(
        UserError, match=rf"units\.npz: it holds no correctness of {len(rows)} rows"
    ):
        read_record(tmp_path, plan)


# --- read strictly ---------------------------------------------------------------------------

NO_FACTS = [
    ("", "is not JSON"),
    (json.dumps({**FACTS, "seeds": [-1]}), "seeds.0: Input should be greater than or equal to 0"),
    (json.dumps({**FACTS, "sha256": {"../x": "0"}}), "sha256"),
    ("[]", "its list is empty"),
    ("[null]", "a table is wanted"),
    ('"a string"', "a table is wanted"),
    ("17", "a table is wanted"),
    (json.dumps(FACTS)[:-20], "is not JSON"),
    ("[" * 100_000, "is not JSON"),
    (json.dumps({**FACTS, "cells": "many"}), "cells: Input should be a valid integer"),
    (json.dumps({**FACTS, "training_seconds": 3}), "training_seconds: "),
    (json.dumps({**FACTS, "pins": ["tau"]}), "pins: Input should be a valid dictionary"),
    (json.dumps({**FACTS, "pins": {"taw": ["0.2"]}}), "no parameter 'taw'; did you mean 'tau'"),
    (json.dumps({**FACTS, "pins": {"tau": ["warm"]}}), "tau = 'warm' is not a number"),
    (json.dumps({"command": "x"}), "recorded: Field required"),
]


@pytest.mark.parametrize(("text", "told"), NO_FACTS, ids=[text[:30] for text, _ in NO_FACTS])
def test_a_json_that_does_not_say_how_the_record_was_made_is_told(plan, tmp_path, text, told):
    recorded(tmp_path, plan, rows_of(plan))
    path_of(tmp_path, plan, "json").write_text(text)
    with pytest.raises(UserError, match=r"digit_size_replace\.smoke") as error:
        record_to_grow(plan, plan, tmp_path, {})
    assert told in str(error.value)


def edited(column, value):
    def edit(rows):
        return [{**rows[0], column: value}, *rows[1:]]

    return edit


def without(column):
    def edit(rows):
        return [{name: row[name] for name in row if name != column} for row in rows]

    return edit


NO_ROWS = [
    (edited("accuracy", "good"), r"\.csv: could not convert string to float: 'good'"),
    (edited("accuracy", "nan"), "row 1: accuracy = nan is not finite"),
    (edited("accuracy", 53), r"row 1: accuracy = 53\.0 is not in \[0, 1\]"),
    (edited("seed", ""), "row 1: it has no seed"),
    (edited("seed", "first"), "seed = 'first' is not a whole number"),
    (edited("method", "simclrr"), "no method 'simclrr'; did you mean 'simclr'"),
    (edited("method", "byol"), r"row 1 is of no arm of digit_size_replace \(byol\)"),
    (edited("feature", ""), "row 1: it has no feature"),
    (without("size2"), "it has 0 columns 'size2'"),
    (lambda rows: [*rows, rows[0]], "are of seeds 0, 0; statistics need one row a seed"),
    (lambda rows: [{**row, "experiment": "other"} for row in rows], "of the experiment 'other'"),
    (lambda rows: [{**row, "feature": "frist"} for row in rows], "no feature 'frist'; did you"),
    (lambda rows: [{**row, "scenes": "alon"} for row in rows], "no scenes 'alon'; did you mean 'a"),
    (lambda rows: [{**row, "probe": "lin\0ear"} for row in rows], "there is no probe 'lin"),
]


@pytest.mark.parametrize(("edit", "told"), NO_ROWS, ids=[told for _, told in NO_ROWS])
def test_a_csv_that_holds_no_rows_of_the_record_is_told(plan, tmp_path, edit, told):
    recorded(tmp_path, plan, edit(rows_of(plan)))
    with pytest.raises(UserError, match=told):
        read_record(tmp_path, plan)


CUT = [
    (lambda text: text[: len(text) // 2], r"line \d+ has \d+ values, the header \d+"),
    (lambda text: text.split("\n", 1)[1], "it has 0 columns 'experiment'"),
    (lambda text: text.replace(",", ";"), "it has 0 columns 'experiment'"),
    (lambda text: "", "it has 0 columns"),
    (lambda text: text.split("\n", 1)[0] + "\n", "it has no rows"),
    (lambda text: text.replace("simclr", '"simclr', 1), "unexpected end of data|values"),
    (lambda text: text.encode().replace(b"simclr", b"s\xffmclr", 1), "codec can't decode"),
    (lambda text: text.replace("first", "first,first", 1), "line 2 has"),
]


@pytest.mark.parametrize(("cut", "told"), CUT)
def test_a_csv_that_is_no_table_is_told(plan, tmp_path, cut, told):
    recorded(tmp_path, plan, rows_of(plan))
    path = path_of(tmp_path, plan, "csv")
    text = cut(path.read_text())
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=rf"smoke\.csv: .*({told})"):
        read_record(tmp_path, plan)


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_record_of_which_a_file_is_missing_or_a_folder_is_told(plan, tmp_path, ending):
    recorded(tmp_path, plan, rows_of(plan))
    path = path_of(tmp_path, plan, ending)
    path.unlink()
    with pytest.raises(UserError, match=rf"{ending} cannot be read: No such file"):
        record_to_grow(plan, plan, tmp_path, {})
    path.mkdir()
    with pytest.raises(UserError, match=rf"{ending} cannot be read: Is a directory"):
        record_to_grow(plan, plan, tmp_path, {})


def what_is_told(plan, folder):
    """Why the record cannot grow; None where it can."""
    try:
        rows, made = record_to_grow(plan, plan, folder, {})
    except UserError as error:
        return str(error)
    return None if rows and made else "nothing"


POSITIONS = st.floats(0, 1, exclude_max=True)
MUTATIONS = st.one_of(
    st.tuples(st.just("cut"), POSITIONS, st.just(b"")),
    st.tuples(st.just("replace"), POSITIONS, st.binary(min_size=1, max_size=6)),
    st.tuples(st.just("insert"), POSITIONS, st.sampled_from([b",", b"\n", b'"', b"\0", b"nan"])),
    st.tuples(st.just("swap"), POSITIONS, st.just(b",")),
    st.tuples(st.just("drop"), POSITIONS, st.just(b",")),
    st.tuples(st.just("word"), POSITIONS, st.sampled_from([b"", b"1e999", b"-1", b"None", b"[]"])),
)


def mutated(content, mutation):
    """A file cut short, overwritten, or with a value or a column changed."""
    how, position, with_what = mutation
    at = int(position * len(content))
    if how == "cut":
        return content[:at]
    if how == "replace":
        return content[:at] + with_what + content[at + len(with_what) :]
    if how == "insert":
        return content[:at] + with_what + content[at:]
    if how == "drop":  # a column, or a line of json
        lines = [line.split(b",") for line in content.split(b"\n")]
        at = int(position * len(lines[0]))
        return b"\n".join(b",".join([*line[:at], *line[at + 1 :]]) for line in lines)
    values = content.split(b",")
    at = int(position * (len(values) - 1))
    if how == "swap" and len(values) > 1:
        values[at], values[at + 1] = values[at + 1], values[at]
    else:
        values[at] = with_what
    return b",".join(values)


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(ending=st.sampled_from(["csv", "json"]), mutations=st.lists(MUTATIONS, min_size=1))
def test_a_record_that_was_damaged_is_read_or_told_and_never_changed(
    plan, folder, ending, mutations
):
    """Without checksums it is what is in it that tells; with them any change of the csv is told."""
    recorded(folder, plan, rows_of(plan))
    path = path_of(folder, plan, ending)
    for mutation in mutations:
        path.write_bytes(mutated(path.read_bytes(), mutation))
    damaged = content_of(folder)
    told = what_is_told(plan, folder)
    assert told is None or f"{plan.name}.{plan.scale}" in told  # of which record
    assert content_of(folder) == damaged
    published(folder, plan, rows_of(plan))
    for mutation in mutations:
        path.write_bytes(mutated(path.read_bytes(), mutation))
    if ending == "csv" and path.read_bytes() != csv_of(rows_of(plan)).encode():
        with pytest.raises(UserError, match="is not what was written"):
            record_to_grow(plan, plan, folder, {})


# --- what a run is a part of -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("pins", "common"),
    [
        ({}, {}),
        ({"seed": ["3"], "size2": ["12"]}, {}),
        ({"method": ["simclr"]}, {}),
        ({"method": ["simclr"], "tau": ["0.2"]}, {}),
        ({"tau": ["0.2"]}, {}),
        ({"tau": ["0.05", "0.20"]}, {}),
        ({"width": ["4"]}, {}),  # what the recipe has anyway
        ({"tau": ["0.7"]}, {"tau": ["0.7"]}),
        ({"tau": ["0.2", "0.7"]}, {"tau": ["0.2", "0.7"]}),
        ({"tau": ["0.2"], "width": ["8"]}, {"width": ["8"]}),
        ({"method": ["simclr", "byol"]}, {"method": ["simclr", "byol"]}),
    ],
)
def test_pins_that_choose_among_the_recipes_cells_choose_a_part_of_a_record(pins, common):
    run = make_plan("digit_size", scale="smoke", pins=pins)
    whole, found = whole_record(run, pins)
    assert found == common
    assert whole.axis == [6, 12]
    keys = {key for seed in range(4) for key in seeded(whole, seed)}
    assert set(run.keys) <= keys


def seeded(plan, seed):
    return [cell.replace(seed=seed).key for cell in plan.cells]


def test_a_temperature_that_other_methods_only_have_by_default_is_a_pin_of_the_record():
    """`losses` pins no temperature of its own: with one its cells are others."""
    pins = {"tau": ["0.3"]}
    run = make_plan("losses", scale="smoke", pins=pins)
    assert whole_record(run, pins)[1] == pins


def test_an_old_record_of_one_temperature_grows_by_the_other_one(tmp_path):
    mine, theirs = {"tau": ["0.05"]}, {"tau": ["0.2"]}
    old = make_plan("digit_size", scale="smoke", pins=theirs)
    recorded(tmp_path, old, rows_of(old), {**FACTS, "pins": theirs})
    run = make_plan("digit_size", scale="smoke", pins=mine)
    whole, common = whole_record(run, mine)
    known, _ = record_to_grow(run, whole, tmp_path, common)
    parameters = set().union(*(cell.parameters for cell in whole.cells))
    rows = grown(known, rows_of(run), parameters)
    at_once = rows_of(make_plan("digit_size", scale="smoke"))
    assert sorted(map(key_of, rows)) == sorted(map(key_of, at_once))
    assert {row["arm"] for row in known} == {arm.label for arm in old.arms}
    other = {"tau": ["0.7"]}
    hot = make_plan("digit_size", scale="smoke", pins=other)
    with pytest.raises(UserError, match=r"has tau = as in the recipe, this run tau = 0\.7"):
        record_to_grow(hot, *whole_first(hot, tmp_path, other))


def whole_first(run, folder, pins):
    whole, common = whole_record(run, pins)
    return whole, folder, common


def key_of(row):
    there = {name: value for name, value in row.items() if value is not None and name != "arm"}
    return json.dumps(there, sort_keys=True)


def test_pins_are_equal_however_they_are_spelt(tmp_path):
    run = make_plan("digit_size", scale="smoke", pins={"tau": ["0.7"]})
    recorded(tmp_path, run, rows_of(run), {**FACTS, "pins": {"tau": ["7e-1"]}})
    whole, common = whole_record(run, {"tau": ["0.70"]})
    rows, _ = record_to_grow(run, whole, tmp_path, common)
    assert len(rows) == len(run.cells)


def test_a_control_between_the_ends_is_no_cell_of_the_record(tmp_path):
    pins = {"size2": ["22"]}
    whole = make_plan("digit_size", scale="laptop")
    recorded(tmp_path, whole, rows_of(whole))
    run = make_plan("digit_size", scale="laptop", pins=pins)
    with pytest.raises(
        UserError, match="redrawn, size2 22, seed 0: controls stand at size2 18 and"
    ):
        record_to_grow(run, whole, tmp_path, {})


def test_a_record_of_raw_pixels_beside_layers_grows():
    """k-means has a layer of its own, `rgb`, which no run can be asked for."""
    plan = make_plan("local_features", seeds=3, pins={"method": ["random_features"]})
    whole, common = whole_record(plan, {"method": ["random_features"]})
    folder = Path(suppression.__file__).parent.parent / "experiments"
    rows, _ = record_to_grow(plan, whole, folder, common)
    assert "rgb" in {row["layer"] for row in rows}
