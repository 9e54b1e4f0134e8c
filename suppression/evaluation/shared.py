"""What two views share, factor by factor, before anything is trained."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from suppression import expect
from suppression.data import Augmentation, Pool, Scenes, TableScenes
from suppression.data.loader import load_training_pool
from suppression.data.two_views import two_views
from suppression.errors import UserError
from suppression.evaluation.features import Row
from suppression.evaluation.reidentify import reidentified
from suppression.metrics import incentive
from suppression.notes import Note, warn
from suppression.seeding import torch_rng

SIDE = 12  # px at which views are read: a readout of fine detail would want far more pictures
LEAST_PICTURES = 20  # that are told apart
LEAST = 0.5  # of what there is to gain; a factor that leaves less is warned of


@expect.typed
def shared_information(
    data: Scenes,
    views: Augmentation | None = None,
    *,
    n: int = 1000,
    batch: int = 256,
    tau: float = 0.2,
    seed: int = 0,
    source: str = "digits",
    root: str | Path | None = None,
    note: Note = warn,
) -> list[Row]:
    """How many bits of each factor survive the views, and what they leave for the others.

    A factor that both views show and that tells scenes apart (a watermark, a camera, a writer)
    is a set of shared bits: once a network has it, the contrastive loss has little to gain from
    anything else. Linear discriminant analysis on pixels is fitted on the first views of half of
    the instances and reads the second views of the others. Its accuracy a of k values bounds what
    survives: at least H - h(1 - a) - (1 - a) log2(k - 1) bits (Fano's inequality), H the entropy.

    A column of a table that has nearly another value in each row (a watermark, the number of a
    camera) is no factor, and nothing can be fitted on it. Second views are compared with first
    views instead: the bits that are found are of all that tells pictures apart, the column's or
    what they show.

    The bound is one from below: what the readout misses a network may read, so that 0 bits are
    no proof of absence. The prediction holds for a factor that is as easy as the readout's.

    Args:
        data: The data set; of a table its unit and its identifiers are asked for, too.
        views: The augmentation; random resized crops if None.
        n: Scenes that are drawn, 20 or more.
        batch: Scenes in a batch of the training that is planned, 2 or more.
        tau: Its temperature, above 0.
        seed: Of all that is drawn.
        source: Source of instances; without effect where the data set names its own.
        root: Folder that holds downloaded sources; `SUPPRESSION_DATA` if None.
        note: Gets a line about each factor that leaves less than half to gain.

    Returns:
        A row a factor, the one that is predicted to be kept first on top: `factor`, `values`,
        `bits` (its entropy), `accuracy` and `guess` of the readout, which is named `by` (a linear
        one, or re-identification), `survive` (bits, at least),
        and `left`, the share in [0, 1] of NT-Xent's gain that the closed form leaves for other
        factors (`suppression.metrics.incentive`).

    Raises:
        UserError: There are too few scenes or instances, or a number is out of range.

    Example:
        >>> from suppression.data import RandomBits
        >>> rows = shared_information(RandomBits(canvas=8, bits=2), n=200, note=print)
        >>> sorted((row["factor"], round(row["bits"])) for row in rows)
        [('bit1', 1), ('bit2', 1), ('class', 3)]
    """
    expect.whole("shared_information", least=20, n=n)
    pool = load_training_pool(data, source, root=root)
    rng = torch_rng("shared", seed)
    drawn = data.factors(n, rng, pool)
    pictures = two_views(data, views or Augmentation(), drawn, pool, rng)
    first, second = (small(x) for x in pictures[:2])
    of_first = half_of(instances(drawn, pool), rng)
    found = {}
    for name, labels in asked(data, drawn, pool).items():
        found[name] = read(name, labels, first, second, of_first)
    for name, labels in unique_columns(data, drawn).items():
        found[name] = told_apart(name, labels, drawn["instance"], first, second, rng)
    rows = []
    for name, row in found.items():
        if row is None:
            note(
                f"shared_information: '{name}' has too few scenes, or too few that share a value, "
                "for it to be read; raise n"
            )
            continue
        left = incentive(row["survive"], batch=batch, tau=tau)
        row["left"] = left / incentive(0, batch=batch, tau=tau)
        if row["left"] < LEAST:
            note(
                f"factor '{name}' has {row['bits']:.1f} bits and at least {row['survive']:.1f} "
                f"survive the views: shared bits that leave {row['left']:.0%} of what the loss "
                f"gains (batch {batch}, tau {tau:g}) for anything else"
            )
        rows.append(row)
    return sorted(rows, key=lambda row: row["left"])


def small(x: Tensor) -> Tensor:
    """Views as vectors: what augmentation does not reach is of one value a channel."""
    return adaptive_avg_pool2d(x, min(SIDE, x.shape[-1])).flatten(1)


def instances(drawn: dict[str, Tensor], pool: Pool) -> Tensor:
    """The instance of each scene, (n,): the first one, where it has several."""
    instance = drawn.get("instance")
    if instance is None:
        return torch.arange(len(next(iter(drawn.values()))))
    return instance if instance.ndim == 1 else instance[:, 0]


def half_of(instance: Tensor, rng: torch.Generator) -> Tensor:
    """Which scenes are of half of the instances, (n,) bool."""
    numbers = instance.unique()
    if len(numbers) < 4:
        raise UserError("shared_information: four instances are the least, two to fit on")
    order = numbers[torch.randperm(len(numbers), generator=rng)]
    return torch.isin(instance, order[: len(order) // 2])


def asked(data: Scenes, drawn: dict[str, Tensor], pool: Pool) -> dict[str, Tensor]:
    """The class of each scene in each factor, (n,) int64; the unit is one, if rows share units."""
    found = dict(data.labels(drawn))
    if pool.factors is not None and pool.originals is not None:
        unit = pool.originals[drawn["instance"]]
        if len(pool.originals.unique()) < len(pool):
            found["unit"] = unit
    return found


def unique_columns(data: Scenes, drawn: dict[str, Tensor]) -> dict[str, Tensor]:
    """The value of each scene in columns of a table that are nearly another one a row, (n,)."""
    if not isinstance(data, TableScenes):
        return {}
    return data.identifiers(drawn["instance"])


def told_apart(
    name: str,
    labels: Tensor,
    instance: Tensor,
    first: Tensor,
    second: Tensor,
    rng: torch.Generator,
) -> Row | None:
    """What re-identification finds of a column; each picture is asked about once."""
    numbers = instance.unique()
    if len(numbers) < LEAST_PICTURES:
        return None
    once = torch.stack([(instance == number).nonzero()[0, 0] for number in numbers])
    half = torch.randperm(len(once), generator=rng) < len(once) // 2
    labels = labels[once]
    found = reidentified(first[once], second[once], labels, half)
    counts = labels.unique(return_counts=True)[1]
    return {
        "factor": name,
        "values": len(counts),
        "bits": entropy(labels),
        "by": "re-identification",
        "accuracy": found.accuracy,
        "guess": float(counts.max() / len(labels)),
        "survive": found.bits,
    }


def read(name: str, labels: Tensor, first: Tensor, second: Tensor, fit: Tensor) -> Row | None:
    """What a readout of first views finds in second views; None where nothing can be fitted."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    values, counts = labels[fit].unique(return_counts=True)
    known = torch.isin(labels, values[counts >= 2])  # a value seen once has no spread
    fitted, tested = fit & known, ~fit & known
    if len(labels[fitted].unique()) < 2 or tested.sum() < 10:
        return None
    # Shrinkage, as there are nearly as many pixels as scenes.
    readout: Any = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    readout.fit(first[fitted].numpy(), labels[fitted].numpy())
    accuracy = float(readout.score(second[tested].numpy(), labels[tested].numpy()))
    of_known = fano(entropy(labels[known]), accuracy, len(labels[known].unique()))
    return {
        "factor": name,
        "values": len(labels.unique()),
        "bits": entropy(labels),
        "by": "linear readout",
        "accuracy": accuracy,
        "guess": float(labels.bincount().max() / len(labels)),
        # Whether a value is known is part of the factor, so that I(F; V) is at least
        # P(known) I(F; V | known).
        "survive": float(known.double().mean()) * of_known,
    }


def entropy(labels: Tensor) -> float:
    """Of their frequencies, bits."""
    counts = labels.unique(return_counts=True)[1]
    shares = counts.double() / counts.sum()
    return float(-(shares * shares.log2()).sum())


def fano(bits: float, accuracy: float, values: int) -> float:
    """The least information, bits, of a readout of this accuracy about a factor of this entropy.

    >>> fano(3.0, 1.0, 8), round(fano(3.0, 1 / 8, 8), 6)
    (3.0, 0.0)
    """
    wrong = 1 - accuracy
    lost = wrong * math.log2(max(values - 1, 1))
    for share in (wrong, accuracy):
        if share > 0:
            lost -= share * math.log2(share)
    return max(0.0, bits - lost)
