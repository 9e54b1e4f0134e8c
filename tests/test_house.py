"""The house itself: imports point down, the shelves hold no code, one module writes files."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
PACKAGE = TOP / "suppression"

# From below. A module imports its own package, and packages of lower levels: never one beside it.
LEVELS = [
    {"errors", "notes", "seeding", "writing"},
    {"expect"},
    {"losses", "models"},
    {"door", "places"},
    {"metrics", "data"},
    {"methods"},
    {"evaluation", "training"},
    {"experiment", "logs"},
    {"testing"},  # contract checks, of everything that can be added
    {"plugins"},  # loaded by workers and by the commands
    {"execution", "reporting"},  # what runs never draws, what draws never trains
    {"keeping"},  # figures in the store, records on a shelf
    {"running"},  # joins what runs and what draws
    {"api"},
    {"auditing"},
    {"audit", "exp", "show", "report", "new", "explore", "lessons", "store"},
]
LEVEL = {package: i for i, packages in enumerate(LEVELS) for package in packages}


def module_name(path, package):
    """The dotted name of a module's file; a package's is that of its __init__.py."""
    parts = [package.name, *path.relative_to(package).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(package):
    return {module_name(path, package): path for path in package.rglob("*.py")}


def imported(node, modules, importer):
    """The modules of the package that one statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if alias.name in modules]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert not node.level, f"{importer} imports relatively"
    found = []
    for alias in node.names:
        submodule = f"{node.module}.{alias.name}"
        if submodule in modules:
            found.append(submodule)
        elif node.module in modules:
            found.append(node.module)
    return found


def all_imports(package):
    """(importer, imported), wherever the import stands: also in functions and for types."""
    modules = modules_of(package)
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text())):
            for other in imported(node, modules, name):
                yield name, other


def statements_on_import(body):
    """The statements that run when a module is imported, but for those for types only."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from statements_on_import(node.orelse)
            continue
        yield node
        for part in ("body", "orelse", "finalbody"):
            yield from statements_on_import(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from statements_on_import(handler.body)


def graph_on_import(package):
    """What each module imports when it is imported itself."""
    modules = modules_of(package)
    graph = {}
    for name, path in modules.items():
        graph[name] = set()
        for node in statements_on_import(ast.parse(path.read_text()).body):
            graph[name].update(imported(node, modules, name))
    return graph


def circle_in(graph):
    """The modules along one circle of a graph, or none: depth first."""
    done, path = set(), []

    def follow(name):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        path.append(name)
        for other in sorted(graph.get(name, ())):
            circle = follow(other)
            if circle:
                return circle
        path.pop()
        done.add(name)
        return []

    for name in sorted(graph):
        circle = follow(name)
        if circle:
            return circle
    return []


def package_of(module):
    return module.split(".")[1]


def level_of(module):
    return LEVEL[package_of(module)]


def test_a_package_imports_packages_of_lower_levels_only():
    seen, wrong = 0, []
    for name, other in all_imports(PACKAGE):
        if name == PACKAGE.name:  # hands out names from everywhere, when they are asked for
            continue
        assert other != PACKAGE.name, f"{name} imports the whole package"
        if package_of(name) == package_of(other):
            continue
        seen += 1
        if level_of(other) >= level_of(name):
            wrong.append(f"{name} (level {level_of(name)}) imports {other} ({level_of(other)})")
    assert wrong == []
    assert seen > 100


def test_what_runs_and_what_draws_know_nothing_of_one_another():
    pairs = {(package_of(a), package_of(b)) for a, b in all_imports(PACKAGE) if a != PACKAGE.name}
    assert not pairs & {("execution", "reporting"), ("reporting", "execution")}
    assert ("api", "execution") in pairs
    assert ("api", "reporting") in pairs


def test_no_modules_import_one_another_in_a_circle():
    graph = graph_on_import(PACKAGE)
    assert sum(map(len, graph.values())) > 300
    assert circle_in(graph) == []


def test_a_circle_and_an_import_upwards_are_found(tmp_path):
    """The two tests above can fail."""
    package = tmp_path / "suppression"
    for name, text in {
        "data/one.py": "from suppression.data.two import x",
        "data/two.py": "from suppression.data import three",
        "data/three.py": "if True:\n    import suppression.data.one",
        "losses.py": "def f():\n    from suppression.exp import main",
        "fine.py": "def f():\n    from suppression.data import one",
        "data/fine.py": (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from suppression.data import fine"
        ),
        "exp.py": "",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    circle = circle_in(graph_on_import(package))
    assert set(circle) == {f"suppression.data.{name}" for name in ("one", "two", "three")}
    assert ("suppression.losses", "suppression.exp") in set(all_imports(package))
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"a", "c"}}) == []


def test_no_python_file_stands_on_the_shelves():
    shelves = [TOP / "datasets", TOP / "experiments"]
    assert [path for shelf in shelves for path in shelf.rglob("*.py")] == []


def test_only_files_reads_toml_and_only_store_and_writing_unlink_or_rename():
    for path in PACKAGE.rglob("*.py"):
        if path != PACKAGE / "experiment" / "files.py":
            assert "tomllib.load" not in path.read_text(), path
        if path not in (PACKAGE / "execution" / "store.py", PACKAGE / "writing.py"):
            assert not re.search(r"os\.(rename|replace|remove)|rmtree", path.read_text()), path


MEGABYTE = 1_000_000
ROWS = 4 * MEGABYTE  # of hundreds of networks; git keeps a twentieth of it
LARGE = ("remedies", "remedies_bits", "who_suppresses_matched", "learning_curves")


def test_no_tracked_file_is_over_a_megabyte():
    command = ["git", "-C", str(TOP), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [TOP / name for name in listed.stdout.split("\0") if name]
    for path in files:
        is_large = any(path.match(f"experiments/{name}.*.csv") for name in LARGE)
        most = ROWS if is_large else MEGABYTE
        assert not path.is_file() or path.stat().st_size <= most, path


COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def density(paths):
    """Comprehensions, conditional expressions and nested comprehensions per 100 statements."""
    statements, comprehensions, conditional, nested = 0, 0, 0, 0
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            statements += isinstance(node, ast.stmt)
            conditional += isinstance(node, ast.IfExp)
            if isinstance(node, COMPREHENSIONS):
                comprehensions += 1
                inside = [each for each in ast.walk(node) if isinstance(each, COMPREHENSIONS)]
                nested += len(inside) > 1
    return tuple(100 * n / statements for n in (comprehensions, conditional, nested))


def test_a_statement_holds_one_thought():
    """As in the peers that were measured: lines can be read without unfolding them."""
    comprehensions, conditional, nested = density(PACKAGE.rglob("*.py"))
    assert comprehensions <= 4
    assert conditional <= 3
    assert nested <= 0.14


def test_the_density_of_a_page_is_counted_as_by_hand(tmp_path):
    page = tmp_path / "page.py"
    page.write_text(
        "a = [x for x in [y for y in b]]\nc = 1 if a else 2\nd = {z for z in c}\ne = 1\n"
    )
    assert density([page]) == (75.0, 25.0, 25.0)
