"""Every example in a docstring runs, and what the library hands out has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import suppression

# Packages whose public names must all have an example.
WITH_EXAMPLES = ["suppression.losses", "suppression.metrics"]

# Classes and functions elsewhere that must have one, too.
NAMES_WITH_EXAMPLES = [
    "suppression.training.loop.Training",
    "suppression.training.loop.train",
    "suppression.training.optimizers.LARS",
    "suppression.training.optimizers.Muon",
]

MODULES = [
    module.name
    for module in pkgutil.walk_packages(suppression.__path__, "suppression.")
    if not module.name.endswith(".__main__")
]


def doctests_of(name):
    """The docstrings with examples of a module and of the classes and functions that it defines.

    doctest's own search passes over functions that are wrapped by a decorator.
    """
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(inspect.getdoc(module) or "", name, globs=vars(module).copy())
    for key, value in list(vars(module).items()):
        is_own = getattr(value, "__module__", None) == name
        if is_own and (inspect.isclass(value) or inspect.isroutine(value)):
            found += finder.find(value, f"{name}.{key}", module=False, globs=vars(module).copy())
    return [each for each in found if each.examples]


def is_documented(thing):
    return bool(doctest.DocTestParser().get_examples(inspect.getdoc(thing) or ""))


@pytest.mark.parametrize("name", ["suppression", *MODULES])
def test_the_examples_of_a_module_run(name):
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    told = []
    for each in doctests_of(name):
        runner.run(each, out=told.append)
    assert not runner.failures, "".join(told)


@pytest.mark.parametrize("package", WITH_EXAMPLES)
def test_everything_that_a_package_hands_out_has_an_example(package):
    module = importlib.import_module(package)
    public = {name: getattr(module, name) for name in module.__all__}
    things = [
        name for name, value in public.items() if inspect.isclass(value) or inspect.isroutine(value)
    ]
    assert len(things) > 3
    assert [name for name in things if not is_documented(public[name])] == []


@pytest.mark.parametrize("path", NAMES_WITH_EXAMPLES)
def test_what_the_library_builds_on_has_an_example(path):
    module, name = path.rsplit(".", 1)
    assert is_documented(getattr(importlib.import_module(module), name))


def test_an_example_that_is_wrong_fails_and_one_of_a_wrapped_function_is_found(
    monkeypatch, tmp_path
):
    text = """
import functools

def wrap(f):
    @functools.wraps(f)
    def call():
        return f()
    return call

@wrap
def one():
    \'\'\'
    >>> one()
    2
    \'\'\'
    return 1
"""
    (tmp_path / "wrong_example.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert [each.name for each in doctests_of("wrong_example")] == ["wrong_example.one"]
    with pytest.raises(AssertionError, match=r"Expected:\s+2\s+Got:\s+1"):
        test_the_examples_of_a_module_run("wrong_example")
