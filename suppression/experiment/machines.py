"""What the last digits of a training depend on, and what follows where machines differ."""

from __future__ import annotations

from collections.abc import Sequence

from suppression.experiment.keys import Record


def kind_of_machine(about: Record) -> str:
    """The processor or card, and the libraries, of what says how something was trained."""
    libraries = about.get("libraries") or {}
    versions = [f"{name} {version}" for name, version in libraries.items()]
    return ", ".join([str(about.get("machine")), *versions])


def unlike_machines(made: Sequence[Record]) -> str | None:
    """What it means that runs come from unlike machines; None where all are alike.

    Args:
        made: How each run was made; `machines`, where it has that, are all kinds of its own.
    """
    kinds: dict[str, None] = {}
    for run in made:
        kinds |= dict.fromkeys(run.get("machines") or [kind_of_machine(run)])
    if len(kinds) < 2:
        return None
    return (
        f"Cells were trained on unlike machines or with unlike libraries ({'; '.join(kinds)}). A "
        "difference between cells of two of them holds that of the machines, too: equal seeds "
        "train the same network on one kind, and on two of them two."
    )
