"""Keys of stored cells stay: from before the modules moved, and when parameters are added."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from suppression.data.transforms.augmentation import Augmentation
from suppression.experiment import run, schema
from suppression.experiment.files import names
from suppression.experiment.keys import FIRST, cell_key, key_of
from suppression.experiment.plan import make_plan
from suppression.experiment.rows import from_csv
from suppression.experiment.run import Run
from suppression.experiment.spec import load_recipe
from suppression.methods import METHODS, SimCLR

TOP = Path(__file__).parent.parent.parent
DIGITS = 10  # of each key that the golden file holds

# The first digits of all keys, in the plans' order, as they were before the packages were made.
HELD = TOP / "tests" / "golden"
GOLDEN = json.loads((HELD / "keys.json").read_text())


def shortened(keys):
    return [key[:DIGITS] for key in keys]


def among(keys, golden):
    """Those of the keys that are golden: a recipe may gain cells, and keeps what it had."""
    return [key for key in shortened(keys) if key in golden]


def as_it_was(file):
    """A recipe or a record; where that has changed since, the one of before, held beside the keys.

    So keys of old cells stay when a recipe asks for other ones.
    """
    held = HELD / file
    return held if held.exists() else TOP / "experiments" / file


def test_the_golden_file_is_of_every_recipe_and_every_record():
    plans = {f"{name}.{scale}" for name in names("experiments") for scale in scales(name)}
    assert plans >= set(GOLDEN["plans"])
    records = {path.stem for path in (TOP / "experiments").glob("*.*.csv")}
    assert records >= set(GOLDEN["records"])
    assert len(GOLDEN["plans"]) > 60
    assert len(GOLDEN["records"]) > 20


def scales(name):
    return load_recipe(name).scale


@pytest.mark.parametrize("name", GOLDEN["plans"])
def test_the_keys_of_a_plan_are_those_of_before_the_moves(name):
    recipe, scale = name.split(".")
    plan = make_plan(str(as_it_was(f"{recipe}.toml")), scale=scale)
    golden = GOLDEN["plans"][name]
    cells, others = golden["cells"].split(), golden["others"].split()
    assert among(plan.keys, cells) == cells
    assert among((cell.key for cell in plan.other_cells), others) == others
    assert shortened(plan.before) == golden["before"].split()
    assert [run.key for run in plan.before.values()] == list(plan.before)


@pytest.mark.parametrize("name", GOLDEN["records"])
def test_the_keys_of_a_records_rows_are_those_of_before_the_moves(name):
    recipe, scale = name.split(".")
    plan = make_plan(str(as_it_was(f"{recipe}.toml")), scale=scale)
    known = schema.schema(plan.card.kind)
    found = set()
    for row in from_csv(as_it_was(f"{name}.csv").read_text(), known):
        has = schema.cell_parameters(plan.card.kind, row["method"])
        values = {parameter: row.get(parameter) for parameter in has}
        found.add(Run.of({**values, "data": plan.card.kind}).key)
    golden = GOLDEN["records"][name].split()
    assert among(sorted(found), golden) == golden


# --- parameters that come later ------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Later(Augmentation):
    """Augmentation, and one operation more, declared as its neighbours are.

    Args:
        solarize: Probability of inverting what is bright, in [0, 1].
    """

    solarize: float = 0.0


class LaterSimCLR(SimCLR):
    """SimCLR, and one keyword more.

    Args:
        sharpness: Of something; above 0.
    """

    def __init__(self, encoder, *, sharpness: float = 2.5, **parameters) -> None:
        super().__init__(encoder, **parameters)


@pytest.fixture
def clear_caches():
    """What the schema remembers of classes is of the classes that are there."""

    def clear():
        for name in dir(schema):
            cached = getattr(schema, name)
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()

    yield clear
    clear()


def plan_of(**pins):
    lists = {name: [value] for name, value in pins.items()}
    return make_plan("digit_size", scale="smoke", pins=lists)


def test_an_augmentation_that_is_added_later_leaves_old_keys_alone(monkeypatch, clear_caches):
    before = plan_of().keys
    for module in (schema, run):
        monkeypatch.setattr(module, "Augmentation", Later)
    clear_caches()
    plan = plan_of()
    trained = [cell.training is not None for cell in plan.cells]
    assert any(trained)
    for cell, has in zip(plan.cells, trained, strict=True):
        assert cell.parameters.get("solarize") == (0.0 if has else None)
    assert plan.keys == before
    assert plan_of(solarize="0.0").keys == before
    another = plan_of(solarize="0.5")
    assert [a != b for a, b in zip(another.keys, before, strict=True)] == trained


def test_a_methods_parameter_that_is_added_later_leaves_old_keys_alone(monkeypatch):
    before = plan_of().keys
    monkeypatch.setitem(METHODS, "simclr", LaterSimCLR)
    plan = plan_of()
    simclr = [cell.method == "simclr" for cell in plan.cells]
    assert plan.cells[simclr.index(True)].parameters["sharpness"] == 2.5
    assert plan.keys == before
    another = plan_of(sharpness="3")
    assert [a != b for a, b in zip(another.keys, before, strict=True)] == simclr


def test_a_parameter_of_the_first_cells_is_in_the_key_whatever_it_is_and_a_later_one_is_not():
    """An edited default of a later parameter is another training: its class needs a version."""
    defaults = {"tau": 0.1, "later": 1}
    versions = {"method": 1}

    def key(**values):
        return cell_key(values, defaults=defaults, versions=versions)

    assert "tau" in FIRST
    assert key(tau=0.1) != key()
    assert key(tau=0.1, later=1) == key(tau=0.1) != key(tau=0.1, later=2)
    assert key(tau=0.1, later=None) == key(tau=0.1)
    assert key(tau=0.1) == key_of({"tau": 0.1, "version_method": 1})
    assert key(op1="blur", op2="flip") == key(op1="flip", op2="blur") != key(op1="flip")
    assert len(key()) == 24


def test_a_version_is_part_of_the_key(monkeypatch, clear_caches):
    before = plan_of().keys
    monkeypatch.setattr(SimCLR, "version", SimCLR.version + 1)
    plan = plan_of()
    changed = [a != b for a, b in zip(plan.keys, before, strict=True)]
    assert changed == [cell.method == "simclr" for cell in plan.cells]
