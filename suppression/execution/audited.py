"""The stored answers of networks that others trained: their list, and those of an archive."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from suppression.execution.store import Store
from suppression.metrics.units import UNITS

FOLDER = "audits"  # in an archive, as in the store
MEMBER = re.compile(rf"({FOLDER})/([0-9a-f]{{24}}\.(?:json|{UNITS}))")


@dataclass(frozen=True)
class Answer:
    """An answer as the list shows it.

    Args:
        key: Its key.
        encoder: What its rows call the weights that were asked; `?` where they cannot be read.
        features: Which features they were asked about; none where they cannot be read.
        size: Of its files, bytes.
        written: When it was written, seconds since 1970.
    """

    key: str
    encoder: str
    features: tuple[str, ...]
    size: int
    written: float

    @property
    def day(self) -> str:
        return time.strftime("%Y-%m-%d", time.localtime(self.written))


def stored_answers(store: Store) -> list[Answer]:
    """All that are there, whole or damaged."""
    return [stored_answer(store, key) for key in store.audit_keys()]


def stored_answer(store: Store, key: str) -> Answer:
    size, written = 0, 0.0
    for name in store.audit_files(key):
        status = (store.root / FOLDER / name).stat()
        size += status.st_size
        written = max(written, status.st_mtime)
    rows = store.answers(key) or []
    encoders = {row.get("encoder", "?") for row in rows}
    features = {str(row["feature"]): None for row in rows}
    return Answer(
        key=key,
        encoder=encoders.pop() if len(encoders) == 1 else "?",
        features=tuple(features),
        size=size,
        written=written,
    )


def take_in_answers(
    store: Store, files: Mapping[str, bytes], check: Callable[[str, Mapping[str, bytes]], None]
) -> tuple[list[str], dict[str, str]]:
    """Take in what a store lacks of an archive's answers.

    Args:
        store: The store.
        files: Their files by name.
        check: Raises for a .json that is none of a probe, or whose units are others.

    Returns:
        The keys of those that are new, and why others were left out, by their keys.
    """
    new, left_out = [], {}
    for key in sorted({name.partition(".")[0] for name in files}):
        own = {}
        for name in (f"{key}.{UNITS}", f"{key}.json"):
            if name in files:
                own[name] = files[name]
        try:
            check(f"{key}.json", own)
        except KeyError as error:
            left_out[key] = f"there is no {error}"
        except (ValueError, TypeError, AttributeError) as error:
            left_out[key] = str(error)
        else:
            if store.answers_here(key) is None:
                store.put_audit(own)
                new.append(key)
    return new, left_out
