"""The explorer's neighbours: as recorded, and where who is nearest is known beforehand."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import suppression as sup
from suppression import api, explore, keeping
from suppression.execution.context import Context
from suppression.experiment.plan import make_plan
from suppression.reporting import neighbours

PATH = Path(sup.__file__).parent.parent / "experiments" / "coloured_digits.demo.neighbours.json"
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def told():
    return json.loads(PATH.read_text())


def pixels(sheet):
    return np.asarray(Image.open(io.BytesIO(b64decode(sheet.partition(",")[2]))).convert("RGB"))


def test_the_record_is_small_says_how_it_was_made_and_is_what_the_page_reads(told):
    assert PATH.stat().st_size < MOST_BYTES
    assert told["command"] == "python -m suppression.explore --record-neighbours DIR"
    assert set(told["cells"]) == {each["name"] for each in told["networks"]}
    assert {"commit", "date", "machine", "libraries"} <= set(told)
    assert told == neighbours.recorded_neighbours()


def test_every_network_is_still_the_one_that_the_package_would_train(told):
    for name, pins in neighbours.NETWORKS.items():
        (run,) = make_plan(neighbours.NAME, scale=neighbours.SCALE, pins=pins).cells
        assert told["cells"][name] == run.key


def test_each_picture_has_five_others_and_all_are_on_the_sheet(told):
    there = len(told["classes"]["digit"])
    height, width, _ = pixels(told["sheet"]).shape
    assert width == told["columns"] * told["side"]
    assert height * width >= there * told["side"] ** 2
    for network in told["networks"]:
        assert len(network["nearest"]) == told["asked"]
        for number, row in enumerate(network["nearest"]):
            assert len(set(row)) == len(row) == 5
            assert number not in row
            assert max(row) < there


def test_what_is_shared_decides_what_is_grouped(told):
    """SimCLR by the colour; once the second view has another one, by the digit."""
    shared = {each["name"]: each["shared"] for each in told["networks"]}
    assert shared["SimCLR"]["colour"] > 2 * shared["SimCLR"]["digit"]
    again = shared["SimCLR, second view in another colour"]
    assert again["digit"] > 2 * again["colour"]


def test_of_features_that_are_known_the_neighbours_are_known():
    n = 60
    digit = torch.arange(n) % 5
    colour = torch.arange(n) // 10
    x = (torch.arange(n).float() / n)[:, None, None, None].expand(n, 3, 28, 28)
    vectors = {
        "by digit": torch.nn.functional.one_hot(digit).float(),
        "by colour": torch.nn.functional.one_hot(colour).float(),
    }
    found = neighbours.neighbours_record(x, {"digit": digit, "colour": colour}, vectors, {})
    assert [each["shared"] for each in found["networks"]] == [
        {"digit": 1.0, "colour": pytest.approx(0.09, abs=0.1)},
        {"digit": pytest.approx(0.11, abs=0.1), "colour": 1.0},
    ]
    for network, feature in zip(found["networks"], ("digit", "colour"), strict=True):
        classes = found["classes"][feature]
        for number, row in enumerate(network["nearest"]):
            assert {classes[each] for each in row} == {classes[number]}
    side, sheet = found["side"], pixels(found["sheet"])
    for number in range(found["asked"]):  # these come first, in their order
        middle = sheet[side // 2, number * side + side // 2, 0]
        assert middle == pytest.approx(255 * number / n, abs=4)


def test_a_folder_that_is_not_there_is_told_before_anything_is_trained(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(api, "run", lambda *of_what, **how: pytest.fail("it was begun"))
    assert explore.main(["--record-neighbours", str(tmp_path / "none")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_stored_networks_are_shown_the_same_held_out_scenes(tmp_path, monkeypatch):
    from suppression.execution.runner import run_cell

    monkeypatch.setattr(neighbours, "COMPARED", 40)
    pins = {"method": "untrained", "width": 2, "canvas": 16, "stem": 1}
    context, runs = Context(store=tmp_path), {}
    for name, bits in {"once": 3, "again": 3}.items():
        (run,) = make_plan("coloured_digits", scale="demo", pins={**pins, "bits": bits}).cells
        run_cell(run, None, context)
        runs[name] = run
    path = keeping.write_neighbours(runs, tmp_path, context, "by hand")
    found = json.loads(path.read_text())
    assert path.name == "coloured_digits.demo.neighbours.json"
    assert found["networks"][0]["nearest"] == found["networks"][1]["nearest"]
    assert found["command"] == "by hand"
    assert len(set(found["classes"]["colour"])) <= 8
