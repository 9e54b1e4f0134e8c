"""The main command: what a user types, mistakes included, and what comes back."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from suppression import writing
from suppression.errors import UserError
from suppression.execution.store import Store
from suppression.exp import main
from suppression.experiment.schema import cell_parameters, coerce
from suppression.methods import METHODS


def door(capsys, *argv):
    """Exit code, stdout, stderr of a command line."""
    code = main([str(word) for word in argv])
    out = capsys.readouterr()
    return code, out.out, out.err


FLOORS = ("untrained", "random_features", "pixels")
SMOKE = ("digit_size", "--scale", "smoke", "--tau", "0.2")


def test_a_second_run_answers_from_the_store_and_trains_nothing(smoke, capsys, monkeypatch):
    monkeypatch.setattr(
        "suppression.execution.executor.run",
        lambda *args, **kw: pytest.fail("something was trained again"),
    )
    code, out, _err = door(capsys, *SMOKE, "--store", smoke)
    assert code == 0
    assert "supervised" in out
    assert "n/a: of two digits of one size neither can be told to be the first" in " ".join(
        out.split()
    )
    others = "simclr, tau 0.05; simclr, tau 0.05, competitor redrawn"
    assert f"\nnot asked for: {others}\n" in out  # in a line below the table
    assert "simclr, tau 0.05" not in out.split("not asked for")[0]
    claim, verdict = out.split("\n\n")[-2:]  # on the screen where the command ends
    assert claim.startswith("first, together, named: ")
    assert claim.splitlines()[-1].startswith("guessing ")
    assert verdict.startswith("verdict: ")
    assert max(map(len, out.splitlines()[:-1])) <= 100  # but for the path of the figure
    assert out.splitlines()[-1].startswith("figure: ")
    assert f"figure: {smoke}/results/digit_size.smoke.png" in out


def test_intervals_are_shown_by_half_their_width_or_by_their_bounds(smoke, capsys):
    _, usual, _ = door(capsys, *SMOKE, "--store", smoke)
    _, bounds, _ = door(capsys, *SMOKE, "--store", smoke, "--intervals")
    table = usual.split("not asked for")[0]
    assert re.search(r"\d±\d", table)
    assert not re.search(r"\d \[\d", table)
    table = bounds.split("not asked for")[0]
    assert re.search(r"\d \[\d+, \d+\]", table)
    assert "±" not in table


def test_json_rows_have_the_promised_columns_and_nothing_else_is_on_stdout(smoke, capsys):
    code, out, _ = door(capsys, *SMOKE, "--store", smoke, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert {row["method"] for row in rows} == {*FLOORS, "simclr", "supervised"}
    for row in rows:
        assert list(row)[:3] == ["experiment", "method", "seed"]
        assert {
            "feature",
            "probe",
            "layer",
            "scenes",
            "accuracy",
            "low",
            "high",
            "size2",
            "canvas",
            "source",
        } <= set(row)
        assert row["experiment"] == "digit_size"
        assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
        assert row["frozen"] is True
    simclr = [row for row in rows if row["method"] == "simclr"]
    assert {row["tau"] for row in simclr} == {0.2}
    # Two sizes, two features, alone everywhere; together only where the sizes differ, but for the
    # classes that are named, whichever digit they are of.
    for redraw in (0.0, 1.0):
        asked = {"linear": [], "anew": [], "named": []}
        for row in simclr:
            if row["redraw"] == redraw:
                asked[row["probe"]].append((row["size2"], row["feature"], row["scenes"]))
        alone = [(size2, f, "alone") for size2 in (6, 12) for f in ("first", "second")]
        together = [(size2, f, "together") for size2, f, _ in alone]
        assert sorted(asked["linear"]) == sorted(alone + together[2:])
        assert sorted(asked["anew"]) == sorted(alone)
        assert sorted(asked["named"]) == sorted(together)


def test_the_csv_holds_the_same_rows_as_json(smoke, capsys, tmp_path):
    _, out, _ = door(capsys, *SMOKE, "--store", smoke, "--json", "--out", tmp_path / "record")
    from suppression.experiment.rows import from_csv
    from suppression.experiment.schema import schema

    read = from_csv(
        (tmp_path / "record" / "digit_size.smoke.csv").read_text(), schema("two_digits")
    )
    rows = [json.loads(line) for line in out.splitlines()]
    assert [{k: v for k, v in row.items() if v is not None and v != ""} for row in read] == [
        {k: v for k, v in row.items() if v is not None} for row in rows
    ]
    about = json.loads((tmp_path / "record" / "digit_size.smoke.json").read_text())
    assert about["cells"] == 12
    assert (
        about["command"] == "python -m suppression.exp digit_size --scale smoke --tau 0.2 --json"
    )  # no folder of this machine
    assert {"command", "machine", "threads", "commits", "libraries"} <= set(about)


UNTRAINED = ("digit_size", "--scale", "smoke", "--workers", "1", "--method", "untrained")


@pytest.mark.slow
def test_a_record_that_grew_by_seeds_holds_what_one_run_would_have_recorded(capsys, tmp_path):
    def kept(folder, kind):
        return re.sub(
            r"(#|id=\")p[0-9a-f]{10}",
            r"\1p",
            (tmp_path / folder / f"digit_size.smoke.{kind}").read_text(),
        )  # names of clip paths, hashes of floats

    here = ("--store", tmp_path / "store", "--out")
    assert door(capsys, *UNTRAINED, "--seed", "1", *here, tmp_path / "grown")[0] == 0
    assert (
        door(
            capsys,
            *UNTRAINED,
            "--seed",
            "0",
            "--grow",
            "--store",
            tmp_path / "another",
            "--out",
            tmp_path / "grown",
        )[0]
        == 0
    )
    assert door(capsys, *UNTRAINED, "--seeds", "2", *here, tmp_path / "at_once")[0] == 0
    assert kept("grown", "csv") == kept("at_once", "csv")
    assert kept("grown", "svg") == kept("at_once", "svg")
    runs = json.loads(kept("grown", "json"))
    assert [run["seeds"] for run in runs] == [[1], [0]]
    assert "--grow" in runs[1]["command"]


@pytest.mark.slow
def test_a_record_grows_by_equal_cells_only_and_is_told_so_before_anything_is_trained(
    capsys, tmp_path, monkeypatch
):
    record = ("--store", tmp_path / "store", "--out", tmp_path / "record")
    assert door(capsys, *UNTRAINED, "--seed", "0", *record)[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "record").iterdir()}
    monkeypatch.setattr(
        "suppression.execution.executor.run",
        lambda *args, **kw: pytest.fail("something was trained"),
    )
    for argv, told in [
        ((*UNTRAINED, "--grow"), "give the folder"),
        (
            (*UNTRAINED, "--seed", "1", "--grow", "--out", tmp_path / "none"),
            "there is no record of digit_size.smoke",
        ),
        (
            (*UNTRAINED, "--seed", "1", "--width", "8", "--grow", *record),
            "has width = as in the recipe, this run width = 8",
        ),
        (
            (*UNTRAINED, "byol", "--seed", "1", "--grow", *record),
            "has method = as in the recipe, this run method = untrained, byol",
        ),
        (
            (*UNTRAINED, "--seed", "1", "--layers", "h", "block2", "--grow", *record),
            "is of the layers h, this run of h, block2",
        ),
        (
            (*UNTRAINED, "--seed", "1", "--size2", "8", "--grow", *record),
            "size2 8 is not on the recipe's axis (6, 12)",
        ),
    ]:
        code, _, err = door(capsys, *argv)
        assert (code, told in err) == (2, True), err
    assert {path.name: path.read_bytes() for path in (tmp_path / "record").iterdir()} == before


@pytest.mark.slow
def test_a_record_of_cells_that_the_recipe_no_longer_has_does_not_grow(capsys, tmp_path):
    record = ("--store", tmp_path / "store", "--out", tmp_path / "record")
    assert door(capsys, *UNTRAINED, "--seed", "0", *record)[0] == 0
    csv = tmp_path / "record" / "digit_size.smoke.csv"
    csv.write_text(csv.read_text().replace(",4,1,16,", ",8,1,16,"))  # width, stem, canvas
    facts = csv.with_suffix(".json")
    made = json.loads(facts.read_text())
    del made["sha256"]
    facts.write_text(json.dumps(made))
    code, _, err = door(capsys, *UNTRAINED, "--seed", "1", "--grow", *record)
    assert (code, "has width = 8 (untrained); the recipe has 4 now" in err) == (2, True), err


@pytest.mark.slow
def test_a_record_that_is_not_complete_grows_by_its_missing_places(capsys, tmp_path):
    here = ("--store", tmp_path / "store", "--out")
    assert door(capsys, *UNTRAINED, "--size2", "12", *here, tmp_path / "grown")[0] == 0
    assert door(capsys, *UNTRAINED, "--grow", *here, tmp_path / "grown")[0] == 0
    assert door(capsys, *UNTRAINED, *here, tmp_path / "at_once")[0] == 0
    assert (tmp_path / "grown" / "digit_size.smoke.csv").read_text() == (
        tmp_path / "at_once" / "digit_size.smoke.csv"
    ).read_text()


def test_a_record_is_replaced_only_where_that_is_asked_for(smoke, capsys, tmp_path, monkeypatch):
    record = ("--store", smoke, "--out", tmp_path / "record")
    assert door(capsys, *SMOKE, *record)[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "record").iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(
            "suppression.running.carry_out", lambda *args, **kw: pytest.fail("there was work")
        )
        for flags, told in [
            ((), "has a record of digit_size.smoke already"),
            (("--size2", "6"), "--grow adds this run to it, --overwrite replaces it"),
            (("--dry",), "has a record of digit_size.smoke already"),
            (("--grow", "--overwrite"), "give one of them"),
        ]:
            code, _, err = door(capsys, *SMOKE, *record, *flags)
            assert (code, told in err) == (2, True), err
        code, _, err = door(capsys, *SMOKE, "--store", smoke, "--overwrite")
        assert (code, "give the folder" in err) == (2, True), err
        (tmp_path / "file").write_text("not a folder")
        code, _, err = door(capsys, *SMOKE, "--store", smoke, "--out", tmp_path / "file")
        assert (code, "cannot be written" in err) == (2, True), err
    assert {path.name: path.read_bytes() for path in (tmp_path / "record").iterdir()} == before
    assert door(capsys, *SMOKE, "--size2", "6", *record, "--overwrite")[0] == 0
    csv = (tmp_path / "record" / "digit_size.smoke.csv").read_text()
    assert csv.count("\n") < before["digit_size.smoke.csv"].decode().count("\n")


def test_a_record_is_written_before_anything_is_told(smoke, capsys, tmp_path, monkeypatch):
    def broken(result, given):
        raise UserError("what is published is no number")

    monkeypatch.setattr("suppression.exp.print_result", broken)
    code, _, err = door(capsys, *SMOKE, "--store", smoke, "--out", tmp_path / "record")
    assert (code, "what is published is no number" in err) == (2, True), err
    endings = {path.name.split(".", 2)[2] for path in (tmp_path / "record").iterdir()}
    assert endings == {"csv", "units.npz", "svg", "json"}


def test_what_was_found_is_told_also_where_no_record_can_be_written(
    smoke, capsys, tmp_path, monkeypatch
):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert door(capsys, *SMOKE, "--store", smoke)[0] == 0
    monkeypatch.setattr(writing, "write_through", full)
    code, out, err = door(capsys, *SMOKE, "--store", smoke, "--out", tmp_path / "record")
    assert (code, "No space left on device" in err) == (2, True), err
    assert "verdict: " in out
    assert list((tmp_path / "record").iterdir()) == []


def test_a_store_that_cannot_take_the_figure_still_gives_rows_table_and_record(
    smoke, capsys, tmp_path
):
    shutil.rmtree(smoke / "results")
    (smoke / "results").write_text("no folder can stand here")
    code, out, err = door(capsys, *SMOKE, "--store", smoke, "--out", tmp_path / "record")
    assert code == 0
    assert "verdict: " in out
    assert "figure: " not in out
    assert "note: the figure is not kept: the store" in err
    assert (tmp_path / "record" / "digit_size.smoke.svg").read_bytes().startswith(b"<?xml")


def test_dry_tells_no_minutes_for_cells_whose_sources_are_not_there_or_too_small(capsys, tmp_path):
    for argv, told in [
        (("digit_size", "--instances", "99999"), "instances = 99999"),
        (("digits_on_photos", "--photos", "stl10", "--root", tmp_path), "stl10"),
        (("digit_size", "--method", "supervised", "--labels", "0.0001"), "labels = 0.0001"),
    ]:
        code, out, err = door(capsys, *argv, "--scale", "smoke", "--dry")
        assert (code, told in err) == (2, True), err
        assert "minutes" not in out


@pytest.mark.slow
def test_an_altered_file_in_the_store_is_told_and_only_its_cell_is_trained_again(smoke, capsys):
    store = Store(smoke)
    keys = store.keys()
    before = {key: (smoke / "cells" / key).stat().st_mtime_ns for key in keys}
    victim = next(key for key in before if (smoke / "cells" / key / "trace.jsonl").read_text())
    path = smoke / "cells" / victim / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    code, _, err = door(capsys, *SMOKE, "--store", smoke, "--workers", "1")
    assert code == 0
    assert "checksum" in err
    assert "1 cells to run, 11 stored" in err
    assert store.damage(victim) is None
    assert {key for key in before if (smoke / "cells" / key).stat().st_mtime_ns != before[key]} == {
        victim
    }


@pytest.mark.slow
def test_an_altered_probe_record_is_told_and_probed_again_without_training(smoke, capsys):
    (path, *_) = sorted(smoke.glob("cells/*/probes/*.json"))
    before = path.read_text()
    weights = (path.parent.parent / "weights.safetensors").stat().st_mtime_ns
    path.write_text(before.replace('"accuracy": 0.', '"accuracy": 0.9', 1))
    code, _, err = door(capsys, *SMOKE, "--store", smoke, "--workers", "1")
    assert code == 0
    assert "probe record is not what was written" in err
    assert path.read_text() == before
    assert (path.parent.parent / "weights.safetensors").stat().st_mtime_ns == weights


def test_dry_lists_cells_and_minutes_and_writes_nothing(smoke, capsys, tmp_path):
    code, out, _ = door(capsys, "digit_size", "--scale", "smoke", "--store", smoke, "--dry")
    assert code == 0
    assert out.count("stored ") == 12
    assert out.count("missing  simclr, tau 0.05, size2") == 2
    assert out.count("missing  simclr, tau 0.05, competitor redrawn, size2") == 2
    assert "minutes" in out
    _, out, _ = door(capsys, *SMOKE, "--store", smoke, "--layers", "h", "block2", "--dry")
    assert out.count("trained  ") == 12  # nothing of that has to be trained again, only asked
    assert "12 trained but not yet asked this, 0 missing" in out
    door(capsys, *SMOKE, "--store", tmp_path / "none", "--dry")
    assert not (tmp_path / "none").exists()


def test_the_list_tells_how_many_cells_are_done(smoke, capsys):
    code, out, _ = door(capsys, "--store", smoke)
    assert code == 0
    assert "digit_size" in out
    assert "smoke 12 of 16" in out


def test_help_and_the_list_import_no_torch():
    for argv in ([], ["--help"]):
        code = (
            f"import sys; from suppression import exp; exp.main({argv}); "
            "sys.exit('torch' in sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


MISTAKES = [
    (["digit_sise"], "no recipe 'digit_sise'; did you mean 'digit_size'?"),
    (["digit_size", "--sise2", "20"], "digit_size has no parameter 'sise2'; did you mean 'size2'?"),
    (["digit_size", "--scale", "laptpo"], "did you mean 'laptop'?"),
    (["digit_size", "--method", "simclrr"], "there is no method 'simclrr'; did you mean 'simclr'?"),
    (["digit_size", "--size2", "400"], "a digit of 400 px does not fit on a canvas"),
    (["digit_size", "--size2", "0"], "a digit size of 0 px"),
    (["digit_size", "--size2", "2.5"], "size2 = '2.5' is not a whole number"),
    (["digit_size", "--tau", "0"], "tau = 0.0: a temperature is above 0"),
    (["digit_size", "--tau", "-1"], "tau = -1.0: a temperature is above 0"),
    (["digit_size", "--tau", "nan"], "tau = 'nan' is not a number"),
    (["digit_size", "--lr", "nan"], "lr = 'nan' is not a number"),
    (["digit_size", "--batch", "1"], "batch = 1: a contrastive batch needs 2"),
    (["digit_size", "--samples", "0"], "samples = 0 is less than one batch"),
    (["digit_size", "--epochs", "0"], "has no parameter 'epochs'"),
    (["digit_size", "--seeds", "0"], "seeds = 0"),
    (["digit_size", "--workers", "0"], "--workers 0"),
    (["digit_size", "--device", "tpu9"], "there is no device 'tpu9' here; there are: cpu"),
    (["digit_size", "--view", "500"], "view = 500 px is larger than the canvas"),
    (["digit_size", "--overlap", "2"], "overlap = 2.0 is not in [0, 1]"),
    (["digit_size", "--area_min", "0"], "area_min = 0.0"),
    (["digit_size", "--width", "0"], "width = 0"),
    (["digit_size", "--replace", "maybe"], "replace = 'maybe' is not true or false or none"),
    (["digit_size", "--replace", "1"], "replace = '1' is not true or false or none"),
    (["digit_size", "--method", "untrained", "--tau", "0.2"], "has the parameter 'tau'"),
    (["--tau", "0.2", "digit_size"], "name the experiment first"),
    (["digit_size", "--tau"], "--tau: expected at least one argument"),
    (["digit_size", "0.2"], "'0.2' stands where a --parameter is expected"),
    (["digit_size", "--layers", "blok2"], "ResNet has no layer 'blok2'; did you mean 'block2'?"),
    (["nowhere.toml"], "there is no file nowhere.toml"),
]


@pytest.mark.parametrize(("argv", "told"), MISTAKES, ids=[" ".join(argv) for argv, _ in MISTAKES])
def test_a_mistake_exits_with_2_says_what_is_wrong_and_shows_no_traceback(
    argv, told, capsys, tmp_path
):
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 or "there are:" in err
    assert told in err
    assert "Traceback" not in err
    assert not (tmp_path / "home").exists()  # told before anything was written


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["losses", "--tau", "0.1"], ["tau does nothing where loss = margin"]),
        (
            ["digit_size", "--head", "linear", "mlp", "--head_layers", "2", "3"],
            ["head_layers does nothing where head = linear"],
        ),
        (
            ["digit_size", "--method", "byol", "--targets", "constant", "--ema", "0.9"],
            ["ema does nothing where targets = constant"],
        ),
        (
            [
                "digit_size",
                "--method",
                "simsiam",
                "--predictor",
                "identity",
                "--predictor_width",
                "8",
            ],
            ["predictor_width does nothing where predictor = identity"],
        ),
        (
            ["digit_size", "--mask_patch", "2", "--mask", "0", "0.5"],
            ["mask_patch does nothing where mask is off"],
        ),
        (
            [
                "digit_size",
                "--mask_patch",
                "2",
                "--mask",
                "0.5",
                "--tau",
                "0.2",
                "--head",
                "mlp",
                "--head_layers",
                "3",
            ],
            [],
        ),
    ],
)
def test_a_parameter_that_another_leaves_without_effect_is_told(argv, told, capsys, tmp_path):
    code, _, err = door(capsys, *argv, "--scale", "smoke", "--dry", "--store", tmp_path / "store")
    assert code == 0
    assert [line.removeprefix("note: ") for line in err.splitlines()] == told


def test_every_parameter_that_is_said_to_be_idle_is_one():
    for name, method in METHODS.items():
        parameters = cell_parameters("two_digits", name)
        for parameter, values in method.idle.items():
            if parameter in parameters:  # one that inherits may have no such choice
                assert all(
                    coerce(parameters[parameter], value, "idle") == value for value in values
                )
                assert {idle for each in values.values() for idle in each} <= set(parameters)


def test_mnist_that_is_not_there_is_told_with_what_to_place_where(capsys, tmp_path):
    code, _, err = door(capsys, *SMOKE, "--source", "mnist", "--root", tmp_path)
    assert code == 2
    assert "train-images-idx3-ubyte" in err
    assert str(tmp_path / "MNIST" / "raw") in err
    assert "--download" in err


def test_a_source_with_digits_of_one_class_is_told(capsys, monkeypatch):
    from suppression.data import SOURCES

    real = SOURCES["digits"]

    def few(train, root=None, download=False):
        pool = real(train)
        keep = pool.labels == 3
        return type(pool)(pool.images[keep], pool.labels[keep])

    monkeypatch.setitem(SOURCES, "digits", few)
    code, _, err = door(capsys, *SMOKE)
    assert code == 2
    assert "digits of one class only" in err


def test_more_instances_than_the_source_has_are_told_with_how_many_there_are(capsys):
    code, _, err = door(capsys, *SMOKE, "--instances", "5000")
    assert code == 2
    assert "instances = 5000: source 'digits' has 1297 for training" in err


def test_a_store_that_cannot_be_written_exits_with_2(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = door(capsys, *SMOKE, "--store", tmp_path / "file")
    assert code == 2
    assert "cannot be written" in err
    assert "--store" in err


def recipe_text(**changes):
    """A recipe in TOML, with some of its lines changed."""
    lines = {
        "title": '"x"',
        "claim": '"x"',
        "data": '"two_digits"',
        "axis": '"size2"',
        "arms": '[{ method = "simclr" }]',
        "controls": "[]",
        "retention": "[]",
        "[scale.smoke]": "size2 = [4]",
        **changes,
    }
    text = ""
    for name, value in lines.items():
        text += f"{name}\n{value}\n" if name.startswith("[") else f"{name} = {value}\n"
    return text


RECIPES = {
    "title = ": "is not TOML",
    'tilte = "x"': "has no key 'tilte'; did you mean 'title'?",
    recipe_text(**{"[scale.smoke]": "size2 = [4]\nsise1 = 3"}): "no parameter 'sise1'",
    recipe_text(data='"two_digit"'): ("no card 'two_digit'; did you mean 'two_digits'?"),
    recipe_text(**{"[scale.smok]": "size2 = [4]"}): "no scale 'smok'; did you mean 'smoke'?",
    recipe_text(axis='"size3"'): "the axis 'size3'; did you mean",
    recipe_text(arms="[{ tau = 1 }]"): "arms[0] names no method",
    recipe_text(controls="[{ tau = 1 }]"): "controls[0] names no method",
    recipe_text(controls='[{ method = "supervised" }, { method = "simclr", redrwa = 1 }]'): (
        "controls[1]: two_digits has no parameter 'redrwa'; did you mean 'redraw'?"
    ),
    recipe_text(controls='[{ method = "supervisde" }]'): (
        "controls[0]: there is no method 'supervisde'; did you mean 'supervised'?"
    ),
    recipe_text(retention='[{ feature = "first", reference = 4, probe = "nmaed" }]'): (
        "retention: there is no probe 'nmaed'; did you mean 'named'?"
    ),
    recipe_text(retention='[{ feature = "first", reference = 4, probe = "named" }]'): (
        "retention is of what named reads, which is not asked: give probe.named"
    ),
    recipe_text(arms="3"): "arms = 3 is no list",
    recipe_text(**{"[scale.smoke]": "size1 = 4"}): "gives no values of its axis size2",
}


@pytest.mark.parametrize(("text", "told"), RECIPES.items(), ids=RECIPES.values())
def test_a_faulty_recipe_is_told_with_its_file_and_the_nearest_right_name(
    text, told, capsys, tmp_path
):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    code, _, err = door(capsys, path, "--scale", "smoke")
    assert code == 2
    assert told in err
    assert "mine" in err


def test_a_probe_of_a_feature_that_the_data_set_does_not_have_is_told(capsys, tmp_path):
    small = 'canvas = 16\nsize1 = 6\nsize2 = [12]\nprobe = { features = ["frist"] }'
    text = recipe_text(arms='[{ method = "untrained" }]', **{"[scale.smoke]": small})
    (tmp_path / "mine.toml").write_text(text)
    code, _, err = door(
        capsys, tmp_path / "mine.toml", "--scale", "smoke", "--store", tmp_path / "store"
    )
    assert code == 2
    assert "two_digits has no feature 'frist'; did you mean 'first'?" in err
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_a_recipe_of_ones_own_runs_from_its_file(capsys, tmp_path):
    path = tmp_path / "mine.toml"
    small = "canvas = 16\nsize1 = 6\nsize2 = [12]\nwidth = 4\nstem = 1"
    small += "\nprobe = { train = 50, test = 20 }"
    changes = {"title": '"Mine"', "[scale.smoke]": small}
    path.write_text(recipe_text(arms='[{ method = "untrained" }]', **changes))
    code, out, _ = door(capsys, path, "--scale", "smoke", "--store", tmp_path / "store")
    assert code == 0
    assert "Mine" in out


def start(store, *more, samples=200000):
    """A process that trains the arm without its control: one cell a place of the axis."""
    argv = [
        sys.executable,
        "-m",
        "suppression.exp",
        *SMOKE,
        "--samples",
        str(samples),
        "--method",
        "simclr",
        "--redraw",
        "0",
        "--store",
        str(store),
        *more,
    ]
    return subprocess.Popen(
        argv, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for_training(store):
    until = time.monotonic() + 180  # of a machine that is busy
    while not any((store / "work").glob("*/trace.jsonl")):
        assert time.monotonic() < until, "no training started within three minutes"
        time.sleep(0.1)
    time.sleep(0.5)


def workers_of(process):
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    return [int(word) for word in found.stdout.split()]


def wait_until_gone(workers, seconds):
    until = time.monotonic() + seconds
    while any(is_running(worker) for worker in workers):
        assert time.monotonic() < until, "a worker outlived the run"
        time.sleep(0.1)


def is_running(number):
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "to_all"),
    # As a terminal does, to the workers too; as `kill` and a batch system do.
    [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, False), (signal.SIGHUP, 129, True)],
)
def test_a_signal_ends_the_run_says_how_to_go_on_and_leaves_no_half_cell(
    number, code, to_all, smoke
):
    had = Store(smoke).keys()
    process = start(smoke)
    wait_for_training(smoke)
    workers = workers_of(process)
    assert workers
    (os.killpg if to_all else os.kill)(process.pid, number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert Store(smoke).keys() == had
    wait_until_gone(workers, 5)


@pytest.mark.slow
def test_a_killed_run_leaves_the_store_whole_and_no_worker_behind(smoke):
    had = Store(smoke).keys()
    process = start(smoke, "--workers", "1")
    wait_for_training(smoke)
    workers = workers_of(process)
    process.kill()
    process.communicate()
    assert Store(smoke).keys() == had
    assert all(Store(smoke).damage(key) is None for key in had)
    wait_until_gone(workers, 5)


@pytest.mark.slow
def test_a_killed_worker_costs_its_cell_alone_and_the_run_says_so(smoke):
    process = start(smoke, "--workers", "1", "--size2", "12")
    wait_for_training(smoke)
    subprocess.run(["pkill", "-KILL", "-P", str(process.pid), "-f", "spawn_main"], check=True)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 1
    assert "was killed, as systems do where memory runs out" in err
    assert "failed" in out
    assert any((smoke / "work").iterdir())  # its trace and checkpoint stay


@pytest.mark.slow
def test_two_processes_that_want_the_same_cell_train_it_once(smoke):
    had = set(Store(smoke).keys())
    first = start(smoke, "--workers", "1", "--size2", "12", samples=30000)
    wait_for_training(smoke)
    second = start(smoke, "--workers", "1", "--size2", "12", samples=30000)
    told = [process.communicate(timeout=400) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert "trains this cell; waiting for its result" in told[1][1]
    assert f" of {socket.gethostname()} trains" in told[1][1]
    (new,) = set(Store(smoke).keys()) - had
    steps = [row["step"] for row in Store(smoke).trace(new)]
    assert steps == sorted(set(steps))
    assert told[0][0] == told[1][0]


@pytest.mark.slow
def test_layers_are_probed_on_request_and_a_method_without_a_head_says_that_it_has_no_z(
    smoke, capsys
):
    argv = (
        *SMOKE,
        "--store",
        smoke,
        "--size2",
        "12",
        "--layers",
        "h",
        "z",
        "block2",
        "--workers",
        "1",
        "--json",
    )
    code, out, err = door(capsys, *argv)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    layers = {
        method: {row["layer"] for row in rows if row["method"] == method}
        for method in ("simclr", "supervised", "untrained")
    }
    assert layers == {
        "simclr": {"h", "z", "block2"},
        "supervised": {"h", "block2"},
        "untrained": {"h", "block2"},
    }
    assert "supervised has no projection head, so z is not probed" in err


@pytest.mark.skipif(
    not os.path.isdir(os.path.join(os.environ.get("SUPPRESSION_DATA", ""), "MNIST", "raw")),
    reason="no MNIST where SUPPRESSION_DATA points",
)
def test_real_mnist_is_a_source_like_the_other(capsys, tmp_path):
    argv = (
        "digit_size",
        "--scale",
        "smoke",
        "--method",
        "untrained",
        "--size2",
        "12",
        "--source",
        "mnist",
        "--store",
        tmp_path / "store",
        "--json",
    )
    code, out, _ = door(capsys, *argv)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert {row["source"] for row in rows} == {"mnist"}
    assert all(row["cases"] > 90 for row in rows)  # of 10,000 instances, hardly one is drawn twice


def test_what_was_recorded_is_shown_without_training(capsys, monkeypatch):
    monkeypatch.setattr(
        "suppression.execution.executor.run", lambda *args, **kw: pytest.fail("it was trained")
    )
    code, out, _ = door(capsys, "digit_size", "--recorded")
    assert code == 0
    assert "digit_size.laptop.svg" in out
    assert "networks, recorded 20" in out
    code, out, err = door(capsys, "digit_size", "--recorded", "--tau", "0.2")
    assert (code, out) == (2, "")
    assert "--tau is of a run of its own" in err
    code, out, _ = door(capsys, "digit_size", "--recorded", "--json")
    assert len(out.splitlines()) == len(json.loads(f"[{','.join(out.splitlines())}]"))
