"""The help of an experiment: its own parameters first, then the rest by what they belong to."""

from __future__ import annotations

import re

import pytest

from suppression.data.transforms.augmentation import Augmentation
from suppression.exp import main
from suppression.experiment.files import names
from suppression.experiment.plan import make_plan
from suppression.experiment.schema import Parameter, parameters_of, schema
from suppression.methods import METHODS
from suppression.reporting.help import explained, help_of, own_parameters


def help_text(capsys, *argv):
    assert main([*argv]) == 0
    return capsys.readouterr().out


def sections(text):
    """Title -> the flags that stand below it, in their order."""
    found = {}
    for block in text.split("\n\n"):
        title, *lines = block.splitlines()
        flags = [match[1] for line in lines if (match := re.match(r"  (?:-h, )?--([\w-]+)", line))]
        if flags:
            found.setdefault(title, []).extend(flags)
    return found


def own_of_method(name):
    return {each.name for each in parameters_of(METHODS[name], f"methods.{name}")}


def test_the_recipes_own_parameters_come_first(capsys):
    found = sections(help_text(capsys, "digit_size", "--help"))
    first, *_ = found
    assert first == "parameters of this experiment (laptop scale)"
    # The axis, then what the arms set, then what only controls do.
    assert found[first][:4] == ["size2", "method", "tau", "redraw"]
    recipe = make_plan("digit_size").recipe
    asked = {recipe.axis, "method", "tau", "redraw", *recipe.scale["laptop"]}
    assert set(found[first]) == {name for name in asked if name in schema("two_digits")}


def test_their_values_here_are_told(capsys):
    out = help_text(capsys, "digit_size", "--help")
    joined = " ".join(out.split())
    assert re.search(r"--size2 .*?here: 36, 18, 22, 27", joined)
    assert re.search(r"--tau .*?here: 0\.2, 0\.05", joined)
    smoke = " ".join(help_text(capsys, "digit_size", "--help", "--scale", "smoke").split())
    assert re.search(r"--size2 .*?here: 12, 6", smoke)


def test_no_other_methods_parameters_are_shown(capsys):
    found = sections(help_text(capsys, "digit_size", "--help"))
    flags = {flag for some in found.values() for flag in some}
    shown = own_of_method("simclr") | own_of_method("supervised")
    assert own_of_method("simclr") <= flags
    for method in METHODS:
        others = own_of_method(method) - shown
        assert not others & flags, method
    byol = sections(help_text(capsys, "digit_size", "--method", "byol", "--help"))
    assert "ema" in {flag for some in byol.values() for flag in some}


def test_the_rest_is_grouped_by_what_it_belongs_to(capsys):
    found = sections(help_text(capsys, "digit_size", "--help"))
    groups = list(found)
    assert {"scenes", "augmentation: how the two views are made", "training", "encoder"} <= set(
        groups
    )
    views = {each.name for each in parameters_of(Augmentation, "augmentation")}
    assert set(found["augmentation: how the two views are made"]) <= views
    flags = [flag for some in found.values() for flag in some]
    assert len(set(flags)) == len(flags)  # each stands once
    assert groups[-1] != "encoder"  # the command's options come last
    assert "dry" in found[groups[-1]]


def test_help_all_has_the_parameters_of_every_method(capsys):
    found = sections(help_text(capsys, "digit_size", "--help", "all"))
    flags = {flag for some in found.values() for flag in some}
    assert set(schema("two_digits")) <= flags


@pytest.mark.parametrize("name", names("experiments"))
@pytest.mark.parametrize("more", [[], ["all"]])
def test_help_is_short_where_it_is_used_and_fits_a_page(name, more, capsys):
    lines = help_text(capsys, name, "--help", *more).splitlines()
    assert lines[0].startswith(f"usage: python -m suppression.exp {name} ")
    assert max(map(len, lines)) <= 100
    usage = " ".join(lines[: lines.index("")])
    assert len(usage) < 100
    assert ("--help all" in "\n".join(lines)) is not bool(more)


@pytest.mark.parametrize("kind", ["two_digits", "random_bits", "multi_digits"])
def test_every_parameter_says_what_it_is(kind):
    assert [name for name, each in schema(kind).items() if not each.text] == []


def test_help_of_each_methods_own_default_is_as_its_signature_has_it(capsys):
    import inspect

    out = help_text(capsys, "digit_size", "--help", "all")
    (block,) = re.findall(r"^  --tau (.*?)^  --", out, re.M | re.S)
    told = " ".join(block.split())
    (defaults,) = re.findall(r"default (.*)\) here: ", told)
    groups = defaults.split("; ")
    for name, method in METHODS.items():
        tau = inspect.signature(method).parameters.get("tau")
        if tau:
            (own,) = [group for group in groups if re.search(rf"\b{name}\b", group)]
            assert own.split()[0] == f"{tau.default:g}", own


def test_a_long_name_has_a_line_of_its_own():
    parameter = Parameter("a_very_long_parameter_name", int, 3, "training", text="What it is.")
    lines = explained(parameter, "here: 4")
    assert lines[0] == "  --a_very_long_parameter_name"
    assert [line[:22] for line in lines[1:]] == [" " * 22] * (len(lines) - 1)
    assert " ".join(" ".join(lines[1:]).split()) == (
        "What it is. (a whole number; default 3) here: 4"
    )
    assert explained(Parameter("tau", float, 0.1, "training", text="A."), "") == [
        "  --tau               A. (a number; default 0.1)"
    ]


def test_a_method_that_was_registered_later_is_explained(monkeypatch):
    from suppression.methods import SimCLR

    class Toy(SimCLR):
        """A toy.

        Args:
            pull: How hard; above 0.
        """

        def __init__(self, encoder, *, pull: float = 0.5, **parameters) -> None:
            super().__init__(encoder, **parameters)

    monkeypatch.setitem(METHODS, "toy", Toy)
    plan = make_plan("digit_size", scale="smoke", pins={"method": ["toy"]})
    text = help_of(plan, "options:\n  --dry", "usage: x")
    assert re.search(r"^method .*toy", text, re.M)
    assert "How hard; above 0. (a number; default 0.5)" in " ".join(text.split())
    assert own_parameters(plan, schema("two_digits"))[0] == "size2"
