"""What comes from outside the package: loaded once, checked, and never in another one's place."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import dataclass

import pytest

from suppression import plugins
from suppression.data import DATASETS, TwoDigits
from suppression.errors import UserError
from suppression.methods import METHODS, Method, SimCLR
from suppression.methods.remedies import REMEDIES, Remedy


@pytest.fixture(autouse=True)
def _registries(own_registries, monkeypatch):
    monkeypatch.delenv(plugins.PLUGINS_VARIABLE, raising=False)


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """`plugin(text)`: a file with this text, which SUPPRESSION_PLUGINS names."""

    def written(text, name="mine.py"):
        (tmp_path / name).write_text(textwrap.dedent(text))
        monkeypatch.setenv(plugins.PLUGINS_VARIABLE, str(tmp_path / name))
        return tmp_path / name

    return written


# What is loaded

METHOD = """
    from suppression import plugins
    from suppression.methods import SimCLR

    class Mine(SimCLR):
        "SimCLR by another name."

    plugins.register("method", "mine", Mine)
"""


def test_a_file_is_loaded_once_and_its_classes_can_be_imported_by_a_worker(plugin):
    path = plugin(f"{METHOD}    with open(__file__ + '.log', 'a') as log: log.write('x')\n")
    plugins.load()
    plugins.load()
    assert METHODS["mine"].__name__ == "Mine"
    assert path.with_name("mine.py.log").read_text() == "x"
    assert plugins.is_importable(METHODS["mine"])


def test_a_module_is_loaded_by_its_name_beside_a_file(plugin, tmp_path, monkeypatch):
    path = plugin(METHOD)
    (tmp_path / "a_module_of_ours.py").write_text(
        "from suppression import plugins\n"
        "from suppression.methods import BYOL\n"
        "class Other(BYOL):\n"
        "    'BYOL by another name.'\n"
        "plugins.register('method', 'other', Other)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(plugins.PLUGINS_VARIABLE, f" {path}, a_module_of_ours ,")
    plugins.load()
    assert {"mine", "other"} <= set(METHODS)
    assert plugins.is_importable(METHODS["other"])


def install(folder, entry_points):
    """What pip leaves of a package: its name and its entry points."""
    there = folder / "ours-1.0.dist-info"
    there.mkdir()
    (there / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (there / "entry_points.txt").write_text(entry_points)


def test_entry_points_of_the_four_groups_are_registered_under_their_names(tmp_path, monkeypatch):
    (tmp_path / "a_package_of_ours.py").write_text(
        "from suppression.methods import SimCLR\n"
        "from suppression.methods.remedies import IFM\n"
        "class Mine(SimCLR):\n    'SimCLR by another name.'\n"
        "class Cure(IFM):\n    'IFM by another name.'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    install(
        tmp_path,
        "[suppression.methods]\nmine = a_package_of_ours:Mine\n"
        "[suppression.remedies]\ncure = a_package_of_ours:Cure\n"
        "[suppression.datasets]\na_module = a_package_of_ours\n"
        "[console_scripts]\nother = no_such_package:other\n",
    )
    plugins.load()
    assert METHODS["mine"].__name__ == "Mine"
    assert REMEDIES["cure"].__name__ == "Cure"
    assert "a_module" not in DATASETS  # a module registers what it has itself


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import no_such_module", "no_such_module"),
        ("this is no Python", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named(plugin, text, told):
    path = plugin(text)
    with pytest.raises(UserError, match=rf"plug-in '{path}' \(SUPPRESSION_PLUGINS\).*{told}"):
        plugins.load()


def test_a_plugin_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(plugins.PLUGINS_VARIABLE, str(tmp_path / "gone.py"))
    with pytest.raises(UserError, match=r"gone.py.*there is no such file"):
        plugins.load()
    monkeypatch.setenv(plugins.PLUGINS_VARIABLE, "no.such.module")
    with pytest.raises(UserError, match=r"'no.such.module'.*cannot be imported"):
        plugins.load()


def test_an_entry_point_that_cannot_be_imported_is_named(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "[suppression.methods]\nmine = no_such_package:Mine\n")
    with pytest.raises(UserError, match=r"suppression.methods: mine = no_such_package:Mine cannot"):
        plugins.load()


def test_what_a_file_registers_wrongly_is_told_with_the_file(plugin):
    plugin(METHOD.replace('"mine"', '"simclr"'))
    with pytest.raises(UserError, match=r"mine.py.*method 'simclr' \(Mine\): the name is taken"):
        plugins.load()


# What is registered


class Mine(SimCLR):
    """SimCLR by another name."""


class Silent(Method):
    """A method whose forward is misspelt."""

    def forwards(self, x1, x2, y):
        """Never called."""


class Still(Method):
    """A method that is not trained needs no forward."""

    trains = False


@dataclass(frozen=True)
class Toys(TwoDigits):
    """Two digits by another name."""


class NoScenes:
    """Has neither base nor all members."""

    features = ("digit",)

    def factor(self, n, rng, pool):
        """Misspelt."""

    def render(self, factors, pool):
        """As it should be called."""


class Bare(TwoDigits):
    """Derived from a data set, and no dataclass of its own."""


class Idle(Remedy):
    """A remedy that changes nothing, as its hook is misspelt."""

    def embedding(self, z1, z2, y):
        """Never called."""


def test_the_same_class_may_be_registered_again():
    plugins.register("method", "mine", Mine)
    plugins.register("method", "mine", Mine)
    assert METHODS["mine"] is Mine


def test_a_method_that_is_not_trained_needs_no_forward():
    plugins.register("method", "still", Still)
    assert METHODS["still"] is Still


def test_a_data_set_is_registered():
    plugins.register("dataset", "toys", Toys)
    assert DATASETS["toys"] is Toys


@pytest.mark.parametrize(
    ("kind", "name", "cls", "told"),
    [
        ("method", "simclr", Mine, "the name is taken by SimCLR; choose another"),
        ("method", "silent", Silent, "has no forward, but forwards; is that to be forward?"),
        ("method", "other", Method, "has no forward$"),
        ("method", "five", 5, r"method 'five' \(5\) is not a class"),
        ("method", "loose", NoScenes, "has no forward$"),
        ("dataset", "loose", NoScenes, "has no factors, but factor; is that to be factors?"),
        ("dataset", "mine", Mine, "has no factors$"),
        ("remedy", "idle", Idle, "has no one of sample, .*, but embedding; .* embeddings?"),
        ("remedy", "mine", Mine, "is not derived from suppression.methods.remedies.base.Remedy"),
        ("methods", "mine", Mine, "there is no kind of plug-in 'methods'; did you mean 'method'?"),
    ],
)
def test_what_breaks_the_contract_is_told_with_the_nearest_right_name(kind, name, cls, told):
    with pytest.raises(UserError, match=told):
        plugins.register(kind, name, cls)
    assert METHODS["simclr"] is SimCLR
    assert {"silent", "five", "loose", "idle"}.isdisjoint({*METHODS, *DATASETS, *REMEDIES})


# Whether a worker can have it


def test_a_class_within_a_function_or_of_a_script_cannot_be_imported(monkeypatch):
    class Local(SimCLR):
        """Nobody can name it."""

    assert not plugins.is_importable(Local)
    assert plugins.is_importable(SimCLR)
    monkeypatch.setattr(Mine, "__module__", "__main__")
    assert not plugins.is_importable(Mine)


def test_a_module_that_only_this_process_has_cannot_be_imported(monkeypatch):
    module = type(sys)("made_up")
    Made = type("Made", (SimCLR,), {"__module__": "made_up", "__qualname__": "Made"})
    module.Made = Made
    monkeypatch.setitem(sys.modules, "made_up", module)
    assert not plugins.is_importable(Made)


@pytest.mark.slow
def test_a_script_runs_cells_of_its_own_method_without_a_guard(tmp_path):
    """The whole way, in a process of its own: a method of `__main__`, planned and trained."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            from pathlib import Path

            from suppression import plugins
            from suppression.execution.context import Context
            from suppression.execution.executor import run
            from suppression.experiment.plan import make_plan
            from suppression.methods import SimCLR

            class Scripted(SimCLR):
                "As a notebook's cell defines it."

            plugins.register("method", "scripted", Scripted)
            plan = make_plan(
                "digit_size", scale="smoke", pins={{"method": ["scripted"], "samples": ["64"]}}
            )
            heard = []
            context = Context(store=Path({str(tmp_path / "store")!r}))
            rows = run(plan.cells, plan.probe, context, lambda i, event: heard.append(event))
            notes = [event[1] for event in heard if event[0] == "note"]
            assert sorted(rows) == list(range(len(plan.cells))), heard
            assert any("Scripted is defined in __main__" in note for note in notes), notes
            """
        )
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
