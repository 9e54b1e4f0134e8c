"""Folders of the user's, and stores: as they are named, and where nothing is named."""

from __future__ import annotations

import os
import re
from argparse import ArgumentTypeError
from pathlib import Path

from suppression.errors import UserError

URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+")
NAMELESS = "an empty name is no folder; '.' is the current one"


def named(place: Path | str) -> Path:
    """The folder or file of this name, `~` being the home folder.

    Raises:
        UserError: if there is no such home folder, or the name is empty.
    """
    if not str(place).strip():
        raise UserError(NAMELESS)
    path = Path(place)
    if not path.parts or not path.parts[0].startswith("~"):
        return path
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise UserError(f"{place}: {error} Give the whole path.") from error


def folder(word: str) -> Path:
    """What a flag names, for argparse; an empty name is that of a variable that is not set."""
    if not word.strip():
        raise ArgumentTypeError(NAMELESS)
    return Path(word)


def is_url(text: str) -> bool:
    """Whether a store's name is a URL and no folder.

    Example:
        >>> is_url("s3://mine/store"), is_url("/shared/store"), is_url("C:/store")
        (True, False, False)
    """
    return URL.fullmatch(text) is not None


def store(word: str) -> Path | str:
    """What `--store` names, for argparse: a folder, or a URL as it is."""
    return word if is_url(word) else folder(word)


def own(variable: str, folder: str) -> Path:
    """The folder that an environment variable names, else `folder` among the user's data.

    Raises:
        UserError: if nothing is named and there is no home folder.
    """
    if os.environ.get(variable):
        return named(os.environ[variable])
    from platformdirs import user_data_path

    path = user_data_path("suppression") / folder
    if not path.is_absolute():  # `~`, which nobody's home answers to
        raise UserError(f"there is no home folder to keep data in: name a folder with {variable}")
    return path
