"""Methods, remedies, data sets and probes from outside the package.

A plug-in is a module that calls `register`, or an entry point of one of the groups
`suppression.methods`, `suppression.remedies`, `suppression.datasets` and `suppression.probes`.
Modules are named by the environment variable SUPPRESSION_PLUGINS, separated by commas: each is a
module's name or the path of a .py file. Every process loads them, workers before anything else.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import os
import sys
from dataclasses import is_dataclass
from importlib.machinery import PathFinder
from importlib.metadata import distributions
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from suppression.errors import UserError, unknown
from suppression.notes import Note, ignore

PLUGINS_VARIABLE = "SUPPRESSION_PLUGINS"
GROUPS = {
    "method": "suppression.methods",
    "remedy": "suppression.remedies",
    "dataset": "suppression.datasets",
    "probe": "suppression.probes",
}

loaded: set[str] = set()  # what this process has loaded, so that it is loaded once
files: set[str] = set()  # modules that were loaded from a path, which every worker loads, too


def load(note: Note = ignore) -> None:
    """Load all plug-ins, each once in a process.

    Args:
        note: Told which ones, as they are code of others that runs with the user's rights.

    Raises:
        UserError: naming the plug-in, if it cannot be imported or breaks its contract.

    Example:
        >>> load()
    """
    for name in os.environ.get(PLUGINS_VARIABLE, "").split(","):
        name = name.strip()
        if name and name not in loaded:
            load_module(name)
            loaded.add(name)
            note(f"plug-in {name!r} was loaded: it is code ({PLUGINS_VARIABLE} names it)")
    kinds = {group: kind for kind, group in GROUPS.items()}
    for distribution in distributions():
        for entry in distribution.entry_points:
            label = f"{entry.group}: {entry.name} = {entry.value}"
            if entry.group in kinds and label not in loaded:
                load_entry_point(kinds[entry.group], entry, label)
                loaded.add(label)
                owner = distribution.metadata["Name"]
                note(f"plug-in {label} was loaded: it is code (of the package {owner})")


def load_module(name: str) -> None:
    """Import a module that SUPPRESSION_PLUGINS names."""
    where = f"plug-in '{name}' ({PLUGINS_VARIABLE})"
    try:
        if name.endswith(".py"):
            import_file(Path(name))
        else:
            importlib.import_module(name)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    except FileNotFoundError as error:
        raise UserError(f"{where}: there is no such file") from error
    except Exception as error:  # whatever a stranger's module does when it is imported
        raise UserError(f"{where} cannot be imported: {error!r}") from error


def import_file(path: Path) -> None:
    """Import a file as a module, under a name that is the same in every process."""
    path = path.expanduser().resolve()
    if not path.is_file():
        raise FileNotFoundError(path)
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"suppression_plugin_{path.stem}_{digest}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    files.add(name)


def load_entry_point(kind: str, entry: Any, label: str) -> None:
    try:
        found = entry.load()
        if not isinstance(found, ModuleType):  # a module registers what it has itself
            register(kind, entry.name, found)
    except UserError as error:
        raise UserError(f"plug-in {label}: {error}") from error
    except Exception as error:  # whatever a stranger's module does when it is imported
        raise UserError(f"plug-in {label} cannot be imported: {error!r}") from error


def register(kind: str, name: str, obj: Any) -> None:
    """Add a method, remedy, data set or probe, under the name that recipes and flags call it by.

    Args:
        kind: "method", "remedy", "dataset" or "probe".
        name: Its name.
        obj: Its class.

    Raises:
        UserError: if there is another one of this name, or the class lacks a member that every
            one of its kind has.

    Example:
        >>> from suppression.methods import METHODS, SimCLR
        >>> class Warm(SimCLR):
        ...     "SimCLR by another name."
        >>> register("method", "warm", Warm)
        >>> METHODS.pop("warm").__name__
        'Warm'
    """
    known = registry(kind)
    if known.get(name) is obj:
        return
    where = f"{kind} '{name}' ({getattr(obj, '__name__', repr(obj))})"
    if name in known:
        raise UserError(f"{where}: the name is taken by {known[name].__name__}; choose another")
    if not isinstance(obj, type):
        raise UserError(f"{where} is not a class")
    check_members(kind, obj, where)
    if kind == "probe":
        register_probe(name, obj, where)
    else:
        known[name] = obj


def registry(kind: str) -> dict[str, Any]:
    """The literal dict that holds everything of this kind, by name."""
    if kind == "method":
        from suppression.methods import METHODS

        return METHODS
    if kind == "dataset":
        from suppression.data import DATASETS

        return DATASETS
    if kind == "remedy":
        from suppression.methods.remedies import REMEDIES

        return REMEDIES
    if kind == "probe":
        from suppression import evaluation

        return getattr(evaluation, "PROBES", {})
    raise unknown("there is no kind of plug-in", kind, GROUPS)


def register_probe(name: str, obj: Any, where: str) -> None:
    """Probes register themselves, as columns and settings follow from what they say."""
    from suppression import evaluation

    if getattr(obj, "name", None) != name:
        raise UserError(f"{where}: its class calls itself {getattr(obj, 'name', None)!r}")
    evaluation.register(obj)


def check_members(kind: str, cls: type, where: str) -> None:
    """UserError for a member that every class of this kind has and this one lacks."""
    base: type
    if kind == "method":
        from suppression.methods import Method

        base, wanted = Method, ["forward"] if getattr(cls, "trains", True) else []
    elif kind == "dataset":
        from suppression.data import Scenes

        base, wanted = Scenes, ["factors", "render", "features"]
    elif kind == "remedy":
        from suppression.methods.remedies import HOOKS, Remedy

        base, wanted = Remedy, []
        if issubclass(cls, Remedy) and not cls.changes() and cls.after_step is Remedy.after_step:
            raise lacking(cls, Remedy, f"one of {', '.join(HOOKS)} and after_step", HOOKS, where)
    else:
        return
    for member in wanted:
        found = getattr(cls, member, None)
        if found is None or found is getattr(base, member):
            raise lacking(cls, base, member, (member,), where)
    if not issubclass(cls, base):
        raise UserError(f"{where} is not derived from {base.__module__}.{base.__name__}")
    if kind == "dataset" and not is_dataclass(cls):
        raise UserError(f"{where} is not a dataclass, whose fields would be its parameters")


def lacking(cls: type, base: type, wanted: str, members: tuple[str, ...], where: str) -> UserError:
    """The error for a member that a class lacks, with the nearest one that it has."""
    own = [name for name in vars(cls) if not name.startswith("__") and not hasattr(base, name)]
    for member in members:
        near = difflib.get_close_matches(member, own, n=1, cutoff=0.5)
        if near:
            return UserError(f"{where} has no {wanted}, but {near[0]}; is that to be {member}?")
    return UserError(f"{where} has no {wanted}")


class Outside(NamedTuple):
    """Something that was registered from outside the package."""

    kind: str
    name: str
    cls: type


def registered_outside() -> list[Outside]:
    """All that is registered and is not the package's own."""
    found = []
    for kind in GROUPS:
        for name, cls in registry(kind).items():
            if not cls.__module__.startswith("suppression."):
                found.append(Outside(kind, name, cls))
    return found


def is_importable(cls: type) -> bool:
    """Whether a worker can import a class: not one of a notebook, a script or a function."""
    found: Any = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is not cls or cls.__module__ == "__main__":
        return False
    return cls.__module__ in files or can_be_found(cls.__module__)


def can_be_found(module: str) -> bool:
    """Whether a module stands in a folder of `sys.path`, which workers have, too."""
    parts, path = module.split("."), None
    for i in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: i + 1]), path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True
