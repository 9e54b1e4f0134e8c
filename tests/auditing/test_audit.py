"""An audit of encoders of which it is known what they read."""

from __future__ import annotations

import json
import math
import runpy
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import suppression as sup
from suppression.auditing import asking, records
from suppression.auditing.asking import ENCODER, PIXELS, RANDOM
from suppression.auditing.controls import at_a_fixed_place, with_random_weights
from suppression.auditing.page import audit_page, audits_page
from suppression.auditing.places import places_of
from suppression.auditing.result import CLAIM, WHOLE
from suppression.auditing.words import controls_on
from suppression.data import load_pool
from suppression.data.base import Scenes
from suppression.errors import UserError
from suppression.evaluation.foreign import Foreign, Preprocessing
from suppression.seeding import torch_rng

CLASSES = 4
FEW = {"train": 200, "test": 150, "mlp": None}


@dataclass(frozen=True)
class Halves(Scenes):
    """The left half has the first feature's level, the right half the second one's."""

    canvas: int = 8
    sources = ()
    features = ("first", "second")

    def factors(self, n, rng, pool):
        levels = torch.randint(CLASSES, (2, n), generator=rng, device=rng.device)
        numbers = torch.arange(n, device=rng.device)
        return {"first": levels[0], "second": levels[1], "instance": numbers}

    def classes(self, pool):
        return dict.fromkeys(self.features, tuple("abcd"))

    def questions(self):
        alone = [("alone", (i,), [name]) for i, name in enumerate(self.features)]
        return [*alone, ("together", None, self.features)]

    def render(self, factors, pool, *, view=None, out=None, visible=None):
        side = out or self.canvas
        x = torch.zeros(len(factors["first"]), 1, side, side)
        for i, name in enumerate(self.features):
            if visible is None or i in visible:
                half = slice(0, side // 2) if i == 0 else slice(side // 2, side)
                x[:, :, :, half] = ((factors[name] + 1) / CLASSES)[:, None, None, None]
        return x


class RightFirst(nn.Module):
    """It tells the level of the right half, and of the left one where there is none at the right.

    So the first feature is read alone and not beside the second one, which costs itself nothing.
    """

    def __init__(self):
        super().__init__()
        self.levels = nn.Parameter(torch.arange(1, CLASSES + 1) / CLASSES, requires_grad=False)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        left, right = x[:, 0, 4, 0], x[:, 0, 4, -1]
        seen = torch.where(right > 0, right, left)
        return torch.exp(-100 * (seen[:, None] - self.levels).square())


def test_what_is_read_alone_and_beside_a_competitor_is_known():
    result = sup.audit(RightFirst(), Halves(), raw=True, **FEW)
    network = (ENCODER, "h")
    assert result.row("", "first", network, "alone")["accuracy"] == 1
    assert result.row("", "second", network, "together")["accuracy"] == 1
    together = result.row("", "first", network, "together")
    assert together["low"] < 1 / CLASSES < together["high"]
    left = result.left("", "first", network)
    chance = together["guess"]
    assert left.value == pytest.approx((together["accuracy"] - chance) / (1 - chance))
    assert left.low < 0.05 < 0.3 > left.high
    assert result.left("", "second", network).value == 1


def test_beside_it_stand_random_weights_pixels_and_guessing():
    result = sup.audit(RightFirst(), Halves(), raw=True, **FEW)
    assert [role for role, _ in result.networks] == [ENCODER, RANDOM, PIXELS]
    for feature in ("first", "second"):
        assert result.row("", feature, (PIXELS, "h"), "together")["accuracy"] == 1
    assert result.table().count("guessing") == 2
    assert all(row["frozen"] for row in result.rows)


def test_it_is_told_as_readability_and_not_as_suppression_by_training():
    result = sup.audit(RightFirst(), Halves(), raw=True, title="right_first", **FEW)
    text = result.verdict()
    assert text.startswith("right_first reads 'first' at 100 % alone")
    assert "(not above raw pixels 100 %)" in text
    assert "cannot tell whether the competitor costs anything" in text  # of the second one
    assert text.endswith(CLAIM)
    assert "pictures as drawn, not normalised, as given (raw)" in result.caption()


def test_what_is_not_read_even_alone_has_nothing_that_could_be_left():
    result = sup.audit(lambda x: torch.rand(len(x), 3) * 0 + 1, Halves(), raw=True, **FEW)
    assert math.isnan(result.left("", "first", (ENCODER, "h")).value)
    assert "unread" in result.table()
    assert "nothing can be said of competition" in result.verdict()


def test_controls_are_asked_where_scenes_have_them():
    scenes = sup.datasets.TwoDigits(canvas=16, size1=5, size2=11)
    asked = {"train": 120, "test": 40, "mlp": 8, "more_labels": 160}
    result = sup.audit(lambda x: x.flatten(1), scenes, raw=True, **asked)
    names = [column.name for column in result.columns]
    assert names == ["alone", "together", "blank", "fixed", "named", "mlp", "labels"]
    named = result.row("", "first", (ENCODER, "h"), "named")
    assert named["guess"] == 0.2
    assert result.row("", "first", (ENCODER, "h"), "labels")["train"] == 160
    assert result.row("", "second", (ENCODER, "h"), "blank") is None  # it carries nothing there
    assert max(map(len, result.table().splitlines())) <= 80
    assert "labels: together, 160 labels." in result.caption()
    assert result.row("", "second", (ENCODER, "h"), "fixed") is None  # its place is as before
    assert "fixed: together, the first digit always at one place" in result.caption()


def overlap(drawn):
    """The share of the first digit's box that lies in the second one's, scene by scene."""
    share = torch.ones(len(drawn["top"]))
    for corner in (drawn["top"], drawn["left"]):
        end = corner + drawn["size"]
        inside = end.amin(1) - corner.amax(1)
        share *= inside.clamp(min=0) / drawn["size"][:, 0]
    return share


@pytest.mark.parametrize("sizes", [(18, 36), (18, 20), (9, 50)])
def test_a_fixed_place_changes_where_the_first_digit_lies_and_nothing_else(sizes):
    """Of the same draw: the same digits, the second one where it was, as much of it covered."""
    scenes = sup.datasets.TwoDigits(canvas=64, size1=sizes[0], size2=sizes[1])
    fixed = at_a_fixed_place(scenes)
    pool = load_pool(scenes)
    usual, drawn = (each.factors(4000, torch_rng("test", 0), pool) for each in (scenes, fixed))
    for name in ("top", "left"):
        assert len(drawn[name][:, 0].unique()) == 1
        assert torch.equal(drawn[name][:, 1], usual[name][:, 1])
    assert torch.equal(drawn["instance"], usual["instance"])
    assert float(overlap(drawn).mean() - overlap(usual).mean()) == pytest.approx(0, abs=0.03)


def test_in_a_grid_the_first_digit_changes_places_with_the_one_in_its_cell():
    scenes = sup.datasets.TwoDigits(canvas=32, size1=8, size2=16, placement="in_grid")
    fixed = at_a_fixed_place(scenes)
    pool = load_pool(scenes)
    usual, drawn = (each.factors(200, torch_rng("test", 0), pool) for each in (scenes, fixed))
    cell = {}
    for name, each in {"usual": usual, "drawn": drawn}.items():
        cell[name] = (each["top"] // 16 * 2 + each["left"] // 16).tolist()
    for (first, second), (now, other) in zip(cell["usual"], cell["drawn"], strict=True):
        assert (now, other) == (0, first if second == 0 else second)


class Brightness(nn.Module):
    """It tells how bright a picture is, and nothing of where."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, x):
        return self.scale * x.mean((1, 2, 3))[:, None]


def test_a_table_of_ones_own_is_asked_about_whole(tmp_path, monkeypatch):
    """Halves of three levels, eight pictures a writer: brightness tells the level, not the half."""
    level, half, writer = np.arange(240) % 3, np.arange(240) // 3 % 2, np.arange(240) // 8
    images = np.zeros((240, 16, 16), np.uint8)
    for row in range(240):
        images[row, :, half[row] * 8 : half[row] * 8 + 8] = 60 + 60 * level[row]
    scenes = sup.datasets.from_table(images, {"level": level, "half": half}, unit=writer)
    asked = {"raw": True, "train": 120, "test": 100, "mlp": None, "store": tmp_path}
    result = sup.audit(Brightness(), scenes, **asked)
    together = {
        name: result.row("", name, (ENCODER, "h"), "together") for name in ("level", "half")
    }
    assert together["level"]["accuracy"] == 1
    assert together["half"]["low"] < 0.5 < together["half"]["high"]
    assert together["level"]["cases"] <= 6  # a fifth of the writers is held out
    assert result.row("", "half", (PIXELS, "h"), "together")["accuracy"] == 1
    assert result.verdict().endswith(WHOLE)
    assert [column.name for column in result.columns] == ["together"]
    monkeypatch.setattr(asking, "answered", lambda *args, **kw: pytest.fail("it was asked"))
    assert sup.audit(Brightness(), scenes, **asked).rows == result.rows


def test_a_source_is_that_of_the_scenes_or_is_refused():
    scenes = sup.datasets.RandomBits(canvas=16, bits=2)
    with pytest.raises(UserError, match="source = mnist: RandomBits names its own, "):
        places_of(scenes, source="mnist")
    assert {place.scenes.source for place in places_of("random_bits", source="digits")} == {
        "digits"
    }
    (place,) = places_of("photographs", source="digits")  # a card
    assert place.scenes.source == "digits"
    with pytest.raises(UserError, match="no source 'nowhere'"):
        sup.audit(lambda x: x.flatten(1), "random_bits", source="nowhere", raw=True)


def test_scenes_without_one_small_digit_have_no_fixed_place():
    digits = sup.datasets.MultiDigits
    apart = sup.datasets.TwoDigits(canvas=64, size1=18, size2=36, overlap=0.0)
    alike = sup.datasets.TwoDigits(canvas=64, size1=18, size2=18)
    for scenes in (Halves(), digits(count=4), digits(count=1), apart, alike):
        assert at_a_fixed_place(scenes) is None
    assert at_a_fixed_place(digits(count=3, sizes=(8, 16, 28))).features[0] == "digit1"


def test_what_cannot_find_the_digit_reads_it_at_a_fixed_place():
    """The mean over places of the picture of one place is the control's whole point."""
    scenes = sup.datasets.TwoDigits(canvas=20, size1=8, size2=9)
    asked = {"train": 300, "test": 200, "mlp": None}
    result = sup.audit(lambda x: x[:, 0].flatten(1), scenes, raw=True, **asked)
    together, fixed = (
        result.row("", "first", (ENCODER, "h"), column) for column in ("together", "fixed")
    )
    assert together["accuracy"] < 0.35
    assert fixed["accuracy"] > together["accuracy"] + 0.2
    (told,) = controls_on(result, "", "first", (ENCODER, "h"), together)
    assert f"with its place always the same {100 * fixed['accuracy']:.0f} % (more)" in told


def test_pictures_of_the_callable_itself_equal_raw_pixels():
    scenes = sup.datasets.TwoDigits(canvas=16, size1=5, size2=11)
    result = sup.audit(lambda x: x[:, :1].flatten(1), scenes, raw=True, train=80, test=40, mlp=None)
    for row in result.select(ENCODER, "first"):
        if not row["control"]:
            column = {("alone", "linear"): "alone", ("together", "linear"): "together"}
            name = column.get((row["scenes"], row["probe"]), "named")
            pixels = result.row("", "first", (PIXELS, "h"), name)
            assert pixels["accuracy"] == row["accuracy"]


# --- the store ---------------------------------------------------------------------------------


def test_the_second_time_the_store_answers(tmp_path):
    net = RightFirst()
    first = sup.audit(net, Halves(), raw=True, store=tmp_path, **FEW)
    calls, net.calls = net.calls, 0
    second = sup.audit(net, Halves(), raw=True, store=tmp_path, **FEW)
    assert second.rows == first.rows
    assert net.calls < calls / 4  # a few pictures, to see what layers there are


@pytest.mark.parametrize("change", ["weights", "preprocessing", "scenes", "probe"])
def test_what_answers_depend_on_is_asked_anew(tmp_path, change):
    net, notes = RightFirst(), []
    sup.audit(net, Halves(), raw=True, store=tmp_path, **FEW)
    given, scenes = {**FEW, "raw": True}, Halves()
    if change == "weights":
        net.levels += 0.01
    elif change == "preprocessing":
        given["size"] = 16
    elif change == "scenes":
        scenes = replace(scenes, canvas=10)
    else:
        given["test"] = 151
    sup.audit(net, scenes, store=tmp_path, note=notes.append, **given)
    assert any(note.startswith("RightFirst") for note in notes)


def test_nothing_is_kept_where_that_is_not_wanted(tmp_path):
    sup.audit(RightFirst(), Halves(), raw=True, store=tmp_path / "store", keep=False, **FEW)
    assert list(tmp_path.iterdir()) == []


def test_a_callable_without_weights_is_not_stored(tmp_path):
    for _ in range(2):
        notes = []
        sup.audit(
            lambda x: x.flatten(1), Halves(), raw=True, store=tmp_path, note=notes.append, **FEW
        )
    assert [note.partition(":")[0] for note in notes] == ["<lambda>"]


# --- random weights ----------------------------------------------------------------------------


def test_random_weights_are_new_everywhere_and_the_same_each_time():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.cls_token = nn.Parameter(torch.full((1, 1, 4), 3.0))
            self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LayerNorm(6))

    encoder = Foreign(Tokens().eval(), Preprocessing())
    encoder.model.body[1].running_mean.fill_(7)
    twin, again = with_random_weights(encoder), with_random_weights(encoder)
    other = with_random_weights(encoder, seed=1)
    for name in ("model.cls_token", "model.body.0.weight"):
        was, now = encoder.state_dict()[name], twin.state_dict()[name]
        assert not now.equal(was)
        assert now.equal(again.state_dict()[name])
        assert not now.equal(other.state_dict()[name])
    assert twin.model.body[1].running_mean.eq(0).all()
    assert encoder.model.body[1].running_mean.eq(7).all()
    assert not twin.model.training


# --- places ------------------------------------------------------------------------------------


def test_a_recipe_is_asked_along_its_axis_with_nothing_redrawn():
    places = places_of("digit_size")
    assert [place.name for place in places] == ["size2 18", "size2 22", "size2 27", "size2 36"]
    assert {place.scenes.redraw for place in places} == {0}
    assert {place.source for place in places} == {"mnist5k"}
    assert [place.scenes.size2 for place in places_of("digit_size", at=["18", "36"])] == [18, 36]


def test_a_recipe_whose_axis_is_none_of_its_scenes_has_a_place_for_each_scenes():
    assert [place.name for place in places_of("temperature", at=[0.1, 0.2])] == ["bits 0", "bits 4"]
    assert [place.name for place in places_of("trifeature")] == [""]
    assert [place.name for place in places_of("digits_on_photos")] == [""]


@pytest.mark.parametrize(
    ("data", "given", "told"),
    [
        ("digit_sise", {}, "no recipe or card 'digit_sise'; did you mean 'digit_size'"),
        ("two_digits", {"at": [3]}, "two_digits has no axis"),
        (3, {}, "neither a recipe's name, nor a card's, nor scenes"),
    ],
)
def test_what_cannot_be_asked_about_is_told(data, given, told):
    with pytest.raises(UserError, match=told):
        places_of(data, **given)


# --- encoders that are none --------------------------------------------------------------------


class Moving(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, x):
        self.weight += 1e-3
        return x.mean((2, 3)) * self.weight


@pytest.mark.parametrize(
    ("encoder", "told"),
    [
        (Moving(), "Moving moved while it was probed"),
        (lambda x: nn.functional.dropout(x.flatten(1)), "moved while it was probed"),
        (lambda x: x.flatten(1) * math.nan, "gives NaN"),
        (lambda x: x.flatten(1)[:1], "gives 1 rows at h for 4 pictures"),
    ],
)
def test_an_encoder_that_cannot_be_believed_is_refused(encoder, told):
    with pytest.raises(UserError, match=told):
        sup.audit(encoder, Halves(), raw=True, **FEW)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, r"nothing says how RightFirst wants its pictures: give mean, std and size .*raw=True"),
        ({"mean": 0.5, "std": 0.5}, "mean and std are given, and no size"),
        ({"raw": True, "mean": 0.5, "std": 0.5}, "give it, or mean and std"),
        ({"raw": True, "layers": ["levles"]}, "no layer 'levles'"),
        ({"raw": True, "train": 0}, "train = 0; the least is 1"),
    ],
)
def test_a_bare_network_has_to_say_how_it_sees_pictures(given, told):
    with pytest.raises(UserError, match=told):
        sup.audit(RightFirst(), Halves(), **given)


# --- records, figure, page ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    scenes = sup.datasets.TwoDigits(canvas=16, size1=5, size2=11)
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 14 * 14, 5)).eval()
    given = {"mean": 0.5, "std": 0.5, "size": 16, "title": "<b>small</b>"}
    return sup.audit(net, scenes, train=60, test=40, mlp=None, **given)


def test_a_record_is_read_as_it_was_written(small, tmp_path):
    path = records.write(small, tmp_path)
    assert path.name == "b_small_b.TwoDigits.json"
    again = records.read(path)
    assert again.rows == small.rows
    assert str(again) == str(small)
    json.loads(path.read_text())
    path.write_text("{}")
    with pytest.raises(UserError, match="is no record of an audit"):
        records.read(path)


def test_a_record_is_replaced_only_where_that_is_asked_for(small, tmp_path):
    path = records.write(small, tmp_path)
    path.write_text("mine")
    with pytest.raises(UserError, match=r"has a record of b_small_b.TwoDigits already .*overwrite"):
        records.write(small, tmp_path)
    assert path.read_text() == "mine"
    records.write(small, tmp_path, overwrite=True)
    assert records.read(path).rows == small.rows


def test_the_page_escapes_names_and_holds_table_and_figure(small):
    page = audit_page(small)
    assert "<b>small</b>" not in page
    assert "&lt;b&gt;small&lt;/b&gt;" in page
    assert page.count("<table>") == 3  # two features, and how it was made
    assert "mean 0.5, std 0.5" in page


def test_the_page_of_all_records_has_a_section_each(small, tmp_path):
    records.write(small, tmp_path)
    page = audits_page(tmp_path)
    assert page.count("\n## ") == 2
    (line,) = [each for each in page.splitlines() if "TwoDigits, 'first' |" in each]
    floors = [small.row("", "first", (role, "h"), "alone") for role in (RANDOM, PIXELS)]
    better = max(100 * row["accuracy"] for row in floors)
    assert float(line.split("|")[4].partition("±")[0]) == round(better)


def test_the_page_in_the_checkout_is_that_of_the_records_beside_it():
    folder = Path(__file__).parent.parent.parent / "audits"
    assert (folder / "README.md").read_text() == audits_page(folder)
    for path in folder.glob("*.json"):
        kept = records.read(path)
        assert records.name_of(kept.title, kept.data) == path.stem
        assert path.with_suffix(".svg").is_file()


def test_the_figure_has_a_panel_a_feature_and_a_row_a_network(small):
    made = small.plot()
    axes = [ax for ax in made.axes if ax.axison]
    assert [ax.get_title("left") for ax in axes] == ["'first'", "'second'"]
    assert len(axes[0].get_yticklabels()) == 3


# --- the command -------------------------------------------------------------------------------

ENCODER_FILE = """
from torch import nn
PREPROCESSING = {"size": 16, "mean": (0.5,), "std": (0.25,)}
def make():
    print("loading")
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 14 * 14, 5))
"""
QUICK = ["--scale", "smoke", "--train", "60", "--test", "40", "--mlp", "0"]


def run(words, capsys):
    code = sys.modules["suppression.audit"].main(words)
    return code, *capsys.readouterr()


@pytest.fixture
def encoder_file(tmp_path):
    path = tmp_path / "my_encoder.py"
    path.write_text(ENCODER_FILE)
    sup.audit  # noqa: B018  # the module is imported when it is first asked for
    return path


def test_the_command_prints_a_table_of_80_columns_and_keeps_a_record(
    encoder_file, tmp_path, monkeypatch, capsys
):
    page, shelf = tmp_path / "out.html", tmp_path / "shelf"
    words = [f"file:{encoder_file}:make", "digit_size", *QUICK, "--report", str(page)]
    code, out, err = run([*words, "--out", str(shelf)], capsys)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "'first', size2 12" in out
    assert "my_encoder" in out
    assert "loading" not in out
    assert "as its file says" in " ".join(out.split())
    assert "note: raw pixels, size2 6" in err
    assert page.is_file()
    assert (shelf / "my_encoder.digit_size.units.npz").is_file()

    before = (shelf / "my_encoder.digit_size.json").stat()
    with monkeypatch.context() as patch:
        patch.setattr(asking, "answered", lambda *args, **kw: pytest.fail("it was asked"))
        code, out, err = run([*words, "--out", str(shelf)], capsys)
    assert (code, out) == (2, "")
    assert "already (my_encoder.digit_size.units.npz, my_encoder.digit_size.svg" in err
    assert "--overwrite replaces it" in err
    assert "--grow" not in err
    assert (shelf / "my_encoder.digit_size.json").stat() == before
    code, _, _ = run([*words, "--out", str(shelf), "--overwrite"], capsys)
    assert code == 0
    assert (shelf / "my_encoder.digit_size.json").stat() != before
    code, _, err = run([*words, "--overwrite"], capsys)
    assert (code, "give the folder" in err) == (2, True)


def test_its_rows_are_one_json_object_a_line(encoder_file, capsys):
    words = [f"file:{encoder_file}:make", "digit_size", "--at", "12", *QUICK, "--json"]
    code, out, _ = run(words, capsys)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert {row["network"] for row in rows} == {ENCODER, RANDOM, PIXELS}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["file:{}:mak", "digit_size"], "has no function 'mak'; did you mean 'make'"),
        (
            ["file:{}:make", "digit_size", "--sise", "3"],
            "audit has no parameter 'sise'; did you mean 'size'",
        ),
        (["file:{}:make", "digit_size", "--size", "8", *QUICK], "it takes 16 px"),
        (["file:{}:make", "digit_size", "--scale", "smokee"], "smoke"),
        (["file:nowhere.py:make", "digit_size"], "there is no file nowhere.py"),
        (["resnet18", "digit_size"], "'resnet18' names no encoder; it begins with one of timm:"),
        (["file:{}:make", "digit_size", "--report", "x.pdf"], "has to end in .html"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, told, encoder_file, capsys):
    code, _, err = run([word.format(encoder_file) for word in words], capsys)
    assert code == 2
    assert told in err
    assert "Traceback" not in err


def test_it_runs_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["audit", "--help"])
    monkeypatch.delitem(sys.modules, "suppression.audit", raising=False)
    with pytest.raises(SystemExit) as end:
        runpy.run_module("suppression.audit", run_name="__main__")
    assert end.value.code == 0
    assert "store:1f6b9c" in capsys.readouterr().out
