"""What `import suppression` hands out: nothing heavy until it is asked for, then a line a job."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch

import suppression as sup
from suppression.errors import UserError
from suppression.execution.store import Store
from suppression.experiment.files import find, names
from suppression.experiment.plan import make_plan
from suppression.experiment.spec import load_card
from suppression.reporting.result import Result


def in_a_new_process(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


# --- the package ---------------------------------------------------------------------------------


def test_import_alone_imports_neither_torch_nor_matplotlib_nor_numpy():
    heavy = "('torch', 'matplotlib', 'numpy', 'scipy', 'sklearn', 'pandas', 'pydantic')"
    told = in_a_new_process(
        "import sys, suppression; dir(suppression)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert told == "[]\n"


@pytest.mark.parametrize("name", sup.__all__)
def test_every_name_that_is_handed_out_is_there(name):
    found = getattr(sup, name)
    assert found is getattr(sup, name)
    assert name in dir(sup)
    if name in sup.NAMES:
        assert found.__module__.startswith("suppression.")
        assert found.__doc__
        assert found is getattr(importlib.import_module(sup.NAMES[name]), name)
    else:
        assert found is importlib.import_module(sup.MODULES[name])
        assert found.__doc__


def test_the_tables_of_lazy_names_are_all_names():
    assert sorted([*sup.MODULES, *sup.NAMES]) == sorted(sup.__all__)
    assert not set(sup.MODULES) & set(sup.NAMES)


def test_a_name_that_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'suppression' has no attribute 'fitt'"):
        _ = sup.fitt


def test_the_packages_own_page_fits_a_screen_and_names_what_there_is():
    lines = (sup.__doc__ or "").splitlines()
    assert len(lines) < 45
    assert max(map(len, lines)) <= 100
    for name in ("run", "fit", "evaluate", "experiments", "datasets", "register", "testing"):
        assert name in sup.__doc__


# --- experiments, plan, run ----------------------------------------------------------------------


def test_experiments_is_a_small_table_of_all_recipes():
    found = sup.experiments()
    assert [each["name"] for each in found] == names("experiments")
    by_name = {each["name"]: each for each in found}
    assert by_name["digit_size"]["title"] == "Digit size"
    assert by_name["digit_size"]["recorded"] == "laptop, evening"
    lines = repr(found).splitlines()
    assert len(lines) == len(found) + 1
    assert lines[0].split() == ["name", "title", "recorded"]
    starts = {line.index(each["title"]) for line, each in zip(lines[1:], found, strict=True)}
    assert len(starts) == 1  # one column below another


def test_a_recipe_of_ones_own_is_listed_and_its_title_is_escaped(tmp_path, monkeypatch):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.toml").write_text('title = "a <b> & c"\n')
    monkeypatch.setenv("SUPPRESSION_PATH", str(tmp_path))
    found = sup.experiments()
    (mine,) = [each for each in found if each["name"] == "mine"]
    assert mine["recorded"] == ""
    assert "a <b> & c" in repr(found)
    assert "a &lt;b&gt; &amp; c" in found._repr_html_()
    assert "<b>" not in found._repr_html_()


def test_a_plan_is_that_of_the_command():
    plan = sup.plan("digit_size", scale="smoke", seeds=2, tau=[0.05, 0.2])
    pins = {"tau": ["0.05", "0.2"]}
    assert plan.keys == make_plan("digit_size", scale="smoke", seeds=2, pins=pins).keys
    with pytest.raises(sup.UserError, match="did you mean 'size2'"):
        sup.plan("digit_size", sise2=3)


def test_what_is_stored_is_a_result_without_training(smoke, monkeypatch):
    monkeypatch.setattr(
        "suppression.execution.executor.run", lambda *args, **kw: pytest.fail("trained again")
    )
    result = sup.run("digit_size", scale="smoke", tau=0.2, store=smoke)
    assert isinstance(result, Result)
    assert len(result.answers) == 12
    methods = {"untrained", "random_features", "pixels", "simclr", "supervised"}
    assert {row["method"] for row in result.rows} == methods
    assert result.failed_cells == []
    assert result.figure_path == smoke / "results" / "digit_size.smoke.png"
    assert result.figure_path.read_bytes().startswith(b"\x89PNG")
    assert result.verdict() in repr(result)


@pytest.mark.slow
def test_a_run_trains_what_is_missing_and_only_that(smoke, capsys):
    had = set(Store(smoke).keys())
    result = sup.run(
        "digit_size", scale="smoke", store=smoke, method="untrained", seed=[0, 7], workers=1
    )
    assert {row["seed"] for row in result.rows} == {0, 7}
    new = set(Store(smoke).keys()) - had
    assert new == {cell.key for cell in result.plan.cells if cell.seed == 7}
    assert capsys.readouterr().out == ""  # progress is on stderr


def test_a_run_in_which_cells_failed_names_them_and_plots_the_rest(smoke, monkeypatch, capsys):
    def all_fail(cells, probe, context, hear, **more):
        for i in range(len(cells)):
            hear(i, ("start",))
            hear(i, ("failed", "no memory\nTraceback ..."))
        return {}

    monkeypatch.setattr("suppression.execution.executor.run", all_fail)
    result = sup.run("digit_size", scale="smoke", store=smoke, tau=[0.2, 0.7], method="simclr")
    lost = [cell for cell in result.plan.cells if cell.get("tau") == 0.7]
    assert result.failed_cells == lost
    assert set(result.failed) == {result.plan.cell_name(cell) for cell in lost}
    assert {row["tau"] for row in result.rows} == {0.2}
    for cell in lost:
        assert f"failed: {result.plan.cell_name(cell)}: no memory" in repr(result)
    drawn = {each.get_label() for ax in result.plot().axes for each in ax.containers}
    assert "simclr, tau 0.2" in drawn
    assert "simclr, tau 0.7" not in drawn


MISTAKES = [
    ({"name": "digit_sise"}, "did you mean 'digit_size'"),
    ({"name": "digit_size", "scale": "smok"}, "no scale 'smok'; did you mean 'smoke'"),
    ({"name": "digit_size", "sise2": 3}, "did you mean 'size2'"),
    ({"name": "digit_size", "tau": -1}, "a temperature is above 0"),
    ({"name": "digit_size", "seeds": 0}, "seeds = 0"),
    ({"name": "digit_size", "device": "tpu9"}, "there is no device 'tpu9' here"),
    ({"name": "digit_size", "layers": ["blok2"]}, "did you mean 'block2'"),
]


@pytest.mark.parametrize(("given", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_a_mistake_raises_a_user_error_before_anything_is_trained(given, told, tmp_path):
    with pytest.raises(sup.UserError, match=told):
        sup.run(**{"scale": "smoke", "store": tmp_path / "store", **given})
    assert not (tmp_path / "store").exists()


# --- fit and evaluate ----------------------------------------------------------------------------


SMALL = {"batch": 8, "width": 2, "progress": False}


@pytest.fixture(scope="module")
def scenes():
    return sup.datasets.TwoDigits(canvas=16, size1=6, size2=12)


def weights(encoder):
    return torch.cat([value.flatten().float() for value in encoder.state_dict().values()])


def test_fit_trains_an_encoder_and_hands_it_out_frozen_with_its_losses(scenes, tmp_path):
    encoder = sup.fit(scenes, steps=3, tau=0.2, **SMALL)
    assert not encoder.training
    assert [row["step"] for row in encoder.trace] == [0, 1, 2]
    assert all(row["loss"] > 0 for row in encoder.trace)
    x = torch.rand(5, 1, 16, 16)
    assert encoder(x).shape == (5, encoder.h_dim)
    assert not (tmp_path / "home").exists()  # nothing is stored


def test_fit_is_repeatable_and_depends_on_its_seed_and_parameters(scenes):
    def fitted(**given):
        return weights(sup.fit(scenes, steps=2, **SMALL, **given))

    once = fitted(seed=1)
    torch.rand(3)  # what else is drawn has no say
    assert torch.equal(fitted(seed=1), once)
    assert not torch.equal(fitted(seed=2), once)
    assert not torch.equal(fitted(seed=1, tau=0.7), once)


def test_fit_changes_the_weights_and_untrained_does_not(scenes):
    parameters = {"width": 2, "progress": False}
    start = weights(sup.fit(scenes, method="untrained", **parameters))
    trained = sup.fit(scenes, method="supervised", steps=2, batch=8, **parameters)
    assert not torch.equal(weights(trained), start)
    again = sup.fit(scenes, method="untrained", **parameters)
    assert torch.equal(weights(again), start)
    assert again.trace == []


def test_fit_is_the_training_of_a_cell_with_the_same_parameters(scenes, context):
    """Beside the loop over a cell's batches that the runner would make."""
    from suppression.execution.batches import load_pools, training_batches
    from suppression.experiment.builders import build_method
    from suppression.experiment.run import Run
    from suppression.training.loop import train

    values = {"data": "two_digits", "method": "simclr", "canvas": 16, "size1": 6, "size2": 12}
    values |= {"batch": 8, "samples": 16, "width": 2, "precision": "fp32", "seed": 3}
    cell, device = Run.of(values), torch.device("cpu")
    pool = load_pools(cell, context, device)[True]
    method = build_method(cell, pool)
    train(method, training_batches(cell, pool, device), training=cell.training, device=device)
    fitted = sup.fit(scenes, steps=2, seed=3, **SMALL)
    assert torch.equal(weights(fitted), weights(method.encoder))


def test_fit_shows_one_line_of_progress_if_asked(scenes, capsys):
    sup.fit(scenes, steps=2, batch=8, width=2)
    err = capsys.readouterr().err
    assert "step 2/2, loss" in err
    assert len([line for line in err.splitlines() if line.strip()]) <= 2


class NoDataSet:
    """Has a canvas, and factors under another name."""

    canvas = 16

    def factor(self, n, rng, pool): ...

    def render(self, factors, pool): ...


def test_fit_says_what_something_lacks_to_be_a_data_set():
    with pytest.raises(
        sup.UserError, match="NoDataSet is no data set: it has no 'factors'"
    ) as told:
        sup.fit(NoDataSet())
    assert "did you mean 'factor'" in str(told.value)
    with pytest.raises(sup.UserError, match="is no data set"):
        sup.fit("two_digits")


def test_fit_asks_for_a_data_set_of_ones_own_to_be_registered(monkeypatch):
    from suppression.data import DATASETS

    @dataclass(frozen=True)
    class Tiny(sup.datasets.TwoDigits):
        """Two small digits.

        Args:
            canvas: Side of a scene, px.
        """

        canvas: int = 16
        size1: int = 6
        size2: int = 12

    with pytest.raises(sup.UserError, match=r"suppression\.register\('dataset', 'NAME', Tiny\)"):
        sup.fit(Tiny())
    sup.register("dataset", "tiny", Tiny)
    try:
        encoder = sup.fit(Tiny(), steps=1, **SMALL)
        assert len(encoder.trace) == 1
        with pytest.raises(sup.UserError, match="the name is taken"):
            sup.register("dataset", "two_digits", Tiny)
    finally:
        DATASETS.pop("tiny")


FIT_MISTAKES = [
    ({"method": "simclrr"}, "there is no method 'simclrr'; did you mean 'simclr'"),
    ({"taau": 0.2}, "simclr on two_digits has no parameter 'taau'; did you mean 'tau'"),
    ({"tau": -1}, "a temperature is above 0"),
    ({"tau": "hot"}, "tau = 'hot' is not a number"),
    ({"batch": 1}, "batch = 1"),
    ({"source": "digitz"}, "there is no source 'digitz'; did you mean 'digits'"),
    ({"device": "tpu9"}, "there is no device 'tpu9' here"),
    ({"view": 500}, "view = 500 px is larger than the canvas"),
    ({"method": "finetune"}, "builds on another cell"),
]


@pytest.mark.parametrize(("given", "told"), FIT_MISTAKES, ids=[told for _, told in FIT_MISTAKES])
def test_fit_tells_a_mistake(given, told, scenes):
    with pytest.raises(sup.UserError, match=told):
        sup.fit(scenes, **{"steps": 1, "progress": False, "width": 2, **given})


def test_evaluate_prints_as_a_small_table_of_features(scenes):
    encoder = sup.fit(scenes, method="untrained", progress=False, width=2)
    rows = sup.evaluate(encoder, scenes, train=40, test=20)
    assert {row["feature"] for row in rows} == {"first", "second"}
    lines = repr(rows).splitlines()
    assert len(lines) == len(rows) + 1
    assert {"feature", "scenes", "accuracy"} <= set(lines[0].split())
    assert rows._repr_html_().startswith("<pre>")


@pytest.mark.parametrize("name", names("datasets"))
def test_the_data_set_of_every_card_is_handed_out_and_drawn(name):
    scenes = sup.dataset(name)
    card = load_card(name)
    for parameter, value in card.parameters.items():
        if hasattr(scenes, parameter):
            given = getattr(scenes, parameter)
            assert (list(given) if isinstance(given, tuple) else given) == value
    sample = scenes.sample(2)
    assert len(sample) == len(sample.captions) == 2
    assert sample.show().axes


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("two_digit", {}, "did you mean 'two_digits'"),
        ("two_digits", {"sise2": 3}, "two_digits has no parameter 'sise2'; did you mean 'size2'"),
        ("two_digits", {"size2": 400}, "does not fit on a canvas"),
        ("two_digits", {"size2": "large"}, "size2 = 'large' is not a whole number"),
    ],
)
def test_a_data_set_that_is_not_there_is_told_with_the_nearest_name(name, given, told):
    with pytest.raises(UserError, match=told):
        sup.dataset(name, **given)


def test_a_training_in_place_may_have_a_remedy_which_changes_its_weights():
    scenes = sup.datasets.TwoDigits(canvas=16, size1=6, size2=12)
    how = {"steps": 3, "batch": 8, "width": 2, "progress": False}
    plain, same, cured = (
        sup.fit(scenes, **how, **given)
        for given in ({}, {"remedy": "none"}, {"remedy": "ifm", "epsilon": 0.5})
    )
    assert all(
        torch.equal(a, b) for a, b in zip(plain.parameters(), same.parameters(), strict=True)
    )
    pairs = zip(plain.parameters(), cured.parameters(), strict=True)
    assert not all(torch.equal(a, b) for a, b in pairs)
    with pytest.raises(UserError, match=r"remedy ifm needs .* it goes with: simclr"):
        sup.fit(scenes, method="byol", remedy="ifm", **how)


def test_a_record_is_handed_out_as_a_result_without_training(monkeypatch):
    monkeypatch.setattr(
        "suppression.execution.executor.run", lambda *args, **kw: pytest.fail("it was trained")
    )
    result = sup.record("digit_size")
    with (find("experiments", "digit_size").with_suffix(".laptop.csv")).open() as file:
        assert len(result.rows) == sum(1 for _ in file) - 1
    assert "simclr, tau 0.2" in result.table()
    assert result.verdict() in repr(result)
    assert result.made[0]["machine"] in repr(result)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "digit_sise"}, "did you mean 'digit_size'"),
        ({"name": "digit_size", "scale": "paper"}, "no record of the paper scale; there is laptop"),
    ],
)
def test_a_record_that_is_not_there_is_told(given, told):
    with pytest.raises(sup.UserError, match=told):
        sup.record(**given)


def test_a_mistake_is_one_line_in_a_notebook(capsys):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_cell("import suppression as sup; sup.plan('digit_sise')")
    told = [line for line in capsys.readouterr().out.splitlines() if line]
    assert told == ["error: there is no recipe 'digit_sise'; did you mean 'digit_size'?"]
