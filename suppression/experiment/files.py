"""Finds cards and recipes: in the user's folders, in the checkout, in the installed package."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

from suppression import places
from suppression.errors import UserError, unknown

# Names folders of the user's own with datasets/ and experiments/, which are searched first.
PATH_VARIABLE = "SUPPRESSION_PATH"
HERE = Path(__file__).parent.parent  # the package
SCALES = ("smoke", "demo", "laptop", "evening", "paper")  # from seconds to days
WHAT = {"datasets": "card", "experiments": "recipe"}
MOST_BYTES = 1_000_000  # of a card or a recipe; the longest of ours has 10,000


def folders(shelf: str) -> Iterator[Path]:
    """Where `shelf` ("datasets" or "experiments") may stand, first come first served."""
    for place in filter(None, os.environ.get(PATH_VARIABLE, "").split(os.pathsep)):
        yield places.named(place) / shelf
    if (HERE.parent / "pyproject.toml").exists():
        yield HERE.parent / shelf
    yield HERE / "_shelf" / shelf


def names(shelf: str) -> list[str]:
    """The names of all cards or recipes."""
    found: set[str] = set()
    for folder in folders(shelf):
        # `._NAME.toml` is what macOS puts beside a file on a foreign disk.
        found.update(path.stem for path in folder.glob("*.toml") if path.name[0] != ".")
    return sorted(found)


def find(shelf: str, name: str) -> Path:
    """The file of a card or a recipe, by name or by path."""
    if name.lower().endswith(".toml"):
        path = places.named(name)
        if not path.is_file():
            raise UserError(f"there is no file {name}")
        return path
    is_name = name not in ("", ".", "..") and Path(name).name == name
    for folder in folders(shelf) if is_name else ():
        if (folder / f"{name}.toml").is_file():
            return folder / f"{name}.toml"
    raise unknown(f"there is no {WHAT[shelf]}", name, names(shelf))


def result_name(name: str) -> str:
    """What the results of a recipe, by name or by path, are called in the store.

    That is its name; behind that of a recipe of the user's own stand six digits of where it lies,
    as another folder may have one of the same name.
    """
    path = find("experiments", name).resolve()
    ours = [HERE.parent / "experiments", HERE / "_shelf" / "experiments"]
    if path.parent in [folder.resolve() for folder in ours]:
        return path.stem
    return f"{path.stem}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:6]}"


def read(path: Path) -> dict:
    """A TOML file as a dict; UserError naming the file and the line if it is not TOML."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise UserError(f"{path} has more than {MOST_BYTES:,} bytes: it is no card or recipe")
        return tomllib.loads(content.decode("utf-8-sig"))  # with a mark or without
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from error
    except RecursionError as error:
        raise UserError(f"{path} is no card or recipe: its brackets are nested too deep") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
