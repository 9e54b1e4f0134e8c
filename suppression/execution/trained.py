"""Encoders out of the store: what was trained, in evaluation mode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from suppression import expect
from suppression.errors import UserError, unknown
from suppression.execution.context import Context
from suppression.execution.runner import assemble, load_pool
from suppression.execution.store import Store
from suppression.experiment.run import Run
from suppression.methods import Method

SHOWN = 4  # values of a parameter that a message names


@expect.typed
def encoder(
    of: Any, *, store: Path | str | None = None, root: Path | str | None = None, **which: Any
) -> nn.Module:
    """The trained encoder of one cell, out of the store.

    Args:
        of: A result of `run`, or the key of a stored cell, or the beginning of one.
        store: Where trained cells are kept; none is SUPPRESSION_HOME, or the user's data folder.
        root: Where data sets lie; none is SUPPRESSION_DATA, or the user's data folder.
        **which: Parameters that tell one cell of a result from the others, as in its rows, e.g.
            `method="simclr", size2=32, seed=0`.

    Returns:
        The encoder, in evaluation mode: pictures (n, c, s, s) in [0, 1] -> features (n, d). Its
        `made` has the parameters of its cell; `save_encoder` writes it to a file.

    Raises:
        UserError: if several cells or none are so, or the cell is not stored, or damaged.

    Example:
        >>> import suppression as sup
        >>> result = sup.run("digit_size", scale="smoke", tau=0.2)  # doctest: +SKIP
        >>> encoder = sup.encoder(result, method="simclr", size2=6, seed=0)  # doctest: +SKIP
    """
    kept = Store(store)
    if isinstance(of, str):
        if which:
            raise UserError(f"encoder: a key names one cell, so {next(iter(which))} tells nothing")
        key = key_of(kept, of)
    elif hasattr(of, "answers") and hasattr(of, "plan"):
        key = one_cell([run for run, _ in of.answers], which).key
    else:
        raise UserError(
            f"encoder: {expect.kind(of)} is neither a result of sup.run nor the key of a cell"
        )
    if not kept.has(key):
        raise UserError(
            f"the store {kept.root} has no cell {key}: what was recorded elsewhere has no weights "
            "here; sup.run trains it"
        )
    method = trained(kept, key, None if root is None else Path(root))
    found: Any = method.encoder.eval()
    found.made = Run.of(kept.cell(key)).parameters
    return found


def trained(kept: Store, key: str, root: Path | None = None) -> Method:
    """The method of a stored cell, with its weights, on the CPU.

    Raises:
        UserError: if the cell is damaged.
    """
    fault = kept.damage(key)
    if fault:
        raise UserError(fault)
    run, context = Run.of(kept.cell(key)), Context(store=kept.root, root=root)
    method = assemble(run, load_pool(run, True, context), context)
    method.load_state_dict(kept.weights(key))
    return method


def key_of(kept: Store, beginning: str) -> str:
    """The one key of the store that begins so."""
    there = kept.keys()
    keys = [each for each in there if each.startswith(beginning) and kept.has(each)]
    if len(keys) == 1:
        return keys[0]
    found = f"{len(keys)} cells" if keys else "no cell"
    raise UserError(
        f"the store {kept.root} has {found} whose key begins with '{beginning}'; cells/ in it "
        "names them"
    )


def one_cell(runs: Sequence[Run], which: dict[str, Any]) -> Run:
    """The one cell with these parameters; UserError that names what tells the others apart."""
    known: set[str] = set()
    for run in runs:
        known.update(run.named_parameters)
    for name in which:
        if name not in known:
            raise unknown("encoder: no cell has a parameter", name, known)
    left = list(runs)
    for name, value in which.items():
        there = left
        left = [run for run in left if run.named_parameters.get(name) == value]
        if not left:
            words = ", ".join(values_of(there, name)[:SHOWN])
            raise UserError(f"encoder: no cell has {name} = {value!r}; there is {words}")
    if len(left) == 1:
        return left[0]
    apart = []
    for name in sorted(known):
        values = values_of(left, name)
        if len(values) > 1:
            apart.append(f"{name} ({', '.join(values[:SHOWN])})")
    raise UserError(f"encoder: {len(left)} cells are so; tell them apart by {', '.join(apart)}")


def values_of(runs: Sequence[Run], name: str) -> list[str]:
    """The values of a parameter, as they are written."""
    return list(dict.fromkeys(repr(run.named_parameters.get(name)) for run in runs))
