"""What help is made of: every parameter has its entry, and every example runs."""

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import suppression.methods
import suppression.models
import suppression.testing.methods
from suppression.methods import METHODS
from suppression.methods.remedies import REMEDIES
from suppression.testing.methods import parameters_with_owner


def modules_of(package):
    walked = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    return [package.__name__, *(module.name for module in walked)]


def entries(cls):
    """The names of `Args:` in a class's own docstring, with their texts."""
    found, name = {}, None
    inside = False
    for line in inspect.cleandoc(cls.__doc__).splitlines():
        if not line.startswith(" "):
            inside = line == "Args:" or (inside and not line)
            continue
        entry = re.fullmatch(r" {4}(\*{0,2}\w+): (.+)", line)
        if inside and entry:
            name = entry[1]
            found[name] = entry[2]
        elif inside:
            assert line.startswith(" " * 8), f"{cls.__name__}: {line!r}"
            found[name] += " " + line.strip()
    return found


KINDS = METHODS | REMEDIES


@pytest.mark.parametrize("cls", KINDS.values(), ids=KINDS)
def test_every_parameter_is_an_entry_of_the_class_that_declares_it(cls):
    for name, (_, owner) in parameters_with_owner(cls).items():
        text = entries(owner).get(name, "")
        assert re.match(r"\w.*\.$", text), f"{owner.__name__}: {name}: {text!r}"


@pytest.mark.parametrize("cls", KINDS.values(), ids=KINDS)
def test_no_entry_is_of_a_parameter_that_is_not_there(cls):
    for owner in cls.__mro__:
        if owner.__module__.startswith("suppression.methods.") and "__init__" in vars(owner):
            signature = inspect.signature(owner.__init__)
            known = {p.name for p in signature.parameters.values()}
            assert {name.strip("*") for name in entries(owner)} <= known, owner.__name__


@pytest.mark.parametrize("cls", KINDS.values(), ids=KINDS)
def test_every_class_opens_with_one_sentence_and_has_an_example(cls):
    first = inspect.cleandoc(cls.__doc__).split("\n")[0]
    assert first.endswith(".")
    assert ">>>" in cls.__doc__


@pytest.mark.parametrize(
    "name",
    [
        *modules_of(suppression.methods),
        *modules_of(suppression.models),
        suppression.testing.methods.__name__,
    ],
)
def test_every_example_runs(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
