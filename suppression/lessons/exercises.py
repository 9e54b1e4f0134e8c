"""The exercises of the lessons, by name; what is right is computed from records or the library."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from suppression import api
from suppression.auditing.records import record
from suppression.auditing.result import Audit
from suppression.lessons.checking import Behaviour, Exercise, Number, Word
from suppression.lessons.reading import percent, ranking
from suppression.methods import METHODS
from suppression.metrics.retention import incentive, retention
from suppression.reporting.result import Recorded

POINTS = 1.5  # how far a number may be off that is read off a figure or a table

TRANSFORMATIONS = ("gray", "rotation", "noise", "sobel")
TAUGHT_NOTHING = ("untrained", "random_features", "pixels", "supervised", "supcon")


@cache
def recorded(name: str) -> Recorded:
    return api.record(name)


def read(name: str, column: str = "accuracy", **wanted: Any) -> float:
    """The mean of a column of a record's rows, in percent."""
    return percent(recorded(name).select(**wanted), column)


def differs(name: str, more: dict[str, Any], less: dict[str, Any], **both: Any) -> float:
    """By how many points some rows of a record are above others."""
    return read(name, **both, **more) - read(name, **both, **less)


# --- 00: the contrastive task ----------------------------------------------------------------


def nt_xent(z1: Any, z2: Any, *, tau: float) -> float:
    from suppression.losses import nt_xent

    return nt_xent(z1, z2, tau=tau).item()


def collapsed_loss() -> float:
    import torch

    z = torch.ones(8, 4)
    return nt_xent(z, z, tau=0.2)


def pairs() -> dict[str, tuple[Any, ...]]:
    """Projections on which an NT-Xent that is nearly right goes wrong."""
    import torch

    rng = torch.Generator().manual_seed(0)
    z1, z2 = torch.randn(6, 5, generator=rng), torch.randn(6, 5, generator=rng)
    near = torch.nn.functional.normalize(z1, dim=1)
    return {
        "two views that are one": (near, near.clone(), 0.5),
        "vectors of any length": (z1, z2, 0.5),
        "a low temperature": (z1, 3 * z2, 0.05),
        "views that have collapsed": (torch.ones(4, 3), torch.ones(4, 3), 0.2),
        "two pictures alone": (z1[:2], z2[:2], 1.0),
    }


def weight_of_the_hardest(similarities: list[float], tau: float) -> float:
    """The softmax share of the largest similarity."""
    import torch

    return torch.softmax(torch.tensor(similarities, dtype=torch.float64) / tau, 0).max().item()


def similarities() -> dict[str, tuple[Any, ...]]:
    return {
        "three negatives": ([0.9, 0.1, -0.5], 0.2),
        "a high temperature": ([0.9, 0.1, -0.5], 10.0),
        "negatives that are equal": ([0.3, 0.3, 0.3, 0.3], 0.05),
    }


# --- 03, 05, 08, 09 --------------------------------------------------------------------------


def word_of(low: float, high: float) -> str:
    """What a 95 % interval of a difference says."""
    if low > 0:
        return "higher"
    return "lower" if high < 0 else "cannot tell"


def spread(z: Any) -> float:
    from suppression.metrics import contrastive_metrics

    half = len(z) // 2
    return contrastive_metrics(z[:half], z[half:], tau=0.2)["spread"].item()


def clouds() -> dict[str, tuple[Any, ...]]:
    import torch

    z = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    return {
        "outputs that are spread out": (z,),
        "outputs of any length": (z * torch.arange(1.0, 65)[:, None],),
        "outputs that have collapsed": (torch.ones(16, 8),),
        "outputs along one line": (z[:, :1] * torch.ones(1, 8),),
    }


def worst_without_labels() -> str:
    """The method without labels that reads the digit worst beside two bits."""
    rows = ranking(recorded("who_suppresses"), "class", at=2)
    return [row["arm"] for row in rows if row["arm"] not in TAUGHT_NOTHING][-1]


def steeper() -> str:
    """Which falls further from one digit on a picture to sixteen."""
    falls = {}
    for method in ("simclr", "supervised"):
        of = {"method": method, "placement": "random", "feature": "digit"}
        falls[method] = differs("multidigits", {"count": 1}, {"count": 16}, **of)
    return max(falls, key=lambda method: falls[method])


def best_layer() -> str:
    """The block group whose two clusters agree best with where the digits lie, under SimCLR."""
    found = {}
    for layer in ("block2", "block3", "block4"):
        of = {"method": "simclr", "k": 2, "scenes": "within image", "layer": layer}
        found[layer] = read("local_features", "nmi", **of)
    return max(found, key=lambda layer: found[layer])


def lost_in_the_head(transformation: str) -> float:
    """By how many points a transformation is read better off h than off g(h)."""
    trained: dict[str, dict[str, Any]] = {
        "gray": {"quarter": 0.0, "noise": 0.0, "sobel": 0.0},
        "rotation": {"quarter": 1.0},
        "noise": {"noise": 0.5},
        "sobel": {"sobel": 0.5},
    }
    of = {"method": "simclr", "feature": transformation, "probe": "mlp"}
    of |= trained[transformation]
    return differs("h_vs_g", {"layer": "h"}, {"layer": "z"}, **of)


def most_lost_in_the_head() -> str:
    return max(TRANSFORMATIONS, key=lost_in_the_head)


def jitter_changes(feature: str) -> float:
    """By how many points jitter of the colours changes a feature, where shape foretells both."""
    of = {"method": "simclr", "tau": 0.2, "feature": feature, "correlation": 1.0}
    return differs("trifeature", {"jitter": 1.0}, {"jitter": 0.0}, **of)


def falls_most_with_jitter() -> str:
    return min(("shape", "texture", "colour"), key=jitter_changes)


def longer_training_gains() -> float:
    of = {"method": "simclr", "feature": "digit", "scenes": "together", "bits": 6, "tau": 0.2}
    plain = {"remedy": None, "redraw": 0.0}
    return differs("remedies", {"samples": 28_800}, {"samples": 9_600}, **of, **plain)


# --- 10: an audit ----------------------------------------------------------------------------

AUDIT, AT = "efficientnet_lite0.digit_size", "size2 36"
AUDITED = ("encoder", "h")


@cache
def audited() -> Audit:
    return record(AUDIT)


def audit_falls() -> float:
    """By how many points the first digit is read less together than alone."""
    readings = []
    for column in ("alone", "together"):
        row = audited().row(AT, "first", AUDITED, column)
        assert row is not None
        readings.append(100 * row["accuracy"])
    return readings[0] - readings[1]


def audit_left() -> float:
    """What is left of the first digit."""
    left = audited().left(AT, "first", AUDITED)
    assert left is not None
    return left.value


def number(truth: Callable[[], float], hint: str) -> Number:
    """A percentage, or points of one, of a record."""
    return Number(truth, hint, within=POINTS, percent=True)


BESIDE_BITS = {"feature": "class", "scenes": "together"}
FIRST = {"feature": "first", "scenes": "together", "probe": "named", "size2": 36}

EXERCISES: dict[str, Exercise] = {
    "00.1": Number(
        collapsed_loss,
        "All similarities are equal: the softmax is over 2n - 1 others, n = 8 pairs.",
        within=0.01,
    ),
    "00.2": Behaviour(
        nt_xent,
        pairs,
        "Vectors are made of length 1 first; an anchor is not its own negative; the mean is over "
        "the anchors of both views.",
        named=("tau",),
    ),
    "00.3": Behaviour(
        weight_of_the_hardest,
        similarities,
        "Divide by tau, take the softmax over the negatives alone, and of it the largest share.",
    ),
    "01.1": number(
        lambda: differs(
            "multidigits",
            {"count": 1},
            {"count": 16},
            method="supervised",
            placement="random",
            feature="digit",
        ),
        "Read the line of supervised, placement random, at one digit and at sixteen.",
    ),
    "01.2": Word(
        ("simclr", "supervised"),
        "Compare the two ends of each line, placement random.",
        truth=steeper,
    ),
    "01.3": Word(
        ("suppression", "no suppression", "cannot tell"),
        "If the network that is told the labels fails, too, was the digit there to be learned?",
        seal="043e5b4f843a8429",
    ),
    "02.1": Word(
        ("block2", "block3", "block4"),
        "Compare the three panels at k = 2.",
        truth=best_layer,
    ),
    "02.2": Word(
        ("better", "worse", "cannot tell"),
        "Do the intervals of rgb and block2 at k = 4 hold one another's means?",
        seal="222d269ed94bbbbc",
    ),
    "03.1": number(
        lambda: differs("digit_size", {"redraw": 1.0}, {"redraw": 0.0}, method="simclr", **FIRST),
        "The gap between the two lines of simclr, tau 0.2, at 36 px.",
    ),
    "03.2": Word(
        ("untrained", "supervised", "competitor redrawn"),
        "In which one is the large digit in the way as before, and yet not shared by both views?",
        seal="a102cc47227b3cfa",
    ),
    "03.3": Behaviour(
        word_of,
        lambda: {
            "an interval above 0": (24.7, 33.5),
            "an interval below 0": (-51.9, -47.7),
            "an interval that holds 0": (-0.3, 74.0),
            "an interval that begins at 0": (0, 3.0),
        },
        "Three words: higher, lower, cannot tell. What does an interval say that holds 0?",
    ),
    "04.1": number(
        lambda: differs(
            "digits_on_photos",
            {"instances": 256},
            {"instances": 1},
            method="simclr",
            tau=0.2,
            feature="scene",
            scenes="together",
        ),
        "The right end of simclr, tau 0.2 minus its left end; it may be below 0.",
    ),
    "04.2": Word(
        ("reproduced", "refuted", "not reproduced"),
        "One seed, another scale: what was looked for was not seen. Does that show it is not so?",
        seal="abc7fefd557b67ef",
    ),
    "05.1": Number(lambda: 2.0**8, "Each bit doubles the number of codes."),
    "05.2": number(
        lambda: read("random_bits", method="simclr", tau=0.2, bits=4, **BESIDE_BITS),
        "record.select(method='simclr', tau=0.2, bits=4, feature='class', scenes='together').",
    ),
    "05.3": Behaviour(
        incentive,
        lambda: {
            "no bits": (0, 256, 0.2),
            "eight bits": (8, 256, 0.2),
            "a low temperature": (8, 64, 0.05),
            "so many bits that no two pictures share a code": (24, 64, 0.2),
        },
        "K = 2 (batch - 1) negatives; a share of 2^-bits of them has the anchor's code.",
        named=("batch", "tau"),
    ),
    "06.1": number(
        lambda: lost_in_the_head("rotation"),
        "The arm that was trained with turned pictures (quarter 1.0), readout mlp: h minus z.",
    ),
    "06.2": Word(
        TRANSFORMATIONS,
        "Of each transformation take the arm that was trained with it, and h minus z.",
        truth=most_lost_in_the_head,
    ),
    "07.1": number(
        lambda: jitter_changes("shape"),
        "tau 0.2 at correlation 1: with jitter 1.0 minus without.",
    ),
    "07.2": Word(
        ("shape", "texture", "colour"),
        "Which one does jitter make unreliable?",
        truth=falls_most_with_jitter,
    ),
    "08.1": Behaviour(
        spread,
        clouds,
        "Make rows of length 1; the mean over coordinates of their standard deviation; times the "
        "square root of d.",
        within=5e-3,
    ),
    "08.2": Word(
        ("predictor", "stop-gradient", "batch norm"),
        "Which part did the SimSiam of the record lack whose outputs lost their rank?",
        seal="038a1622312f744e",
    ),
    "08.3": number(
        lambda: read(
            "simsiam_collapse", method="simsiam", predictor="identity", bits=0, **BESIDE_BITS
        ),
        "record.select(method='simsiam', predictor='identity', bits=0, feature='class', "
        "scenes='together').",
    ),
    "09.1": Word(
        tuple(METHODS),
        "ranking(record, 'class', at=2); leave out what is trained with labels or not at all.",
        truth=worst_without_labels,
    ),
    "09.2": Behaviour(
        retention,
        lambda: {
            "half is left": (0.55, 1.0, 0.1),
            "all is left": (0.9, 0.9, 0.1),
            "less than guessing": (0.05, 0.9, 0.1),
        },
        "(A - chance) / (A without the competitor - chance).",
    ),
    "09.3": number(
        longer_training_gains,
        "board.select(method='simclr', tau=0.2, remedy=None, redraw=0, bits=6, feature='digit', "
        "scenes='together'): the mean with samples=28800 minus that with samples=9600.",
    ),
    "10.1": number(
        audit_falls,
        "record.select('encoder', 'first'): at size2 36 by the linear probe, alone minus together.",
    ),
    "10.2": Word(
        ("suppression by training", "readability under competition", "forgetting"),
        "The network was trained once, on photographs: was anything trained with and without the "
        "large digit?",
        seal="ee00d5cd3d645df4",
    ),
    "10.3": Number(
        audit_left,
        "The column `left`: (together - guessing) / (alone - guessing).",
        within=0.02,
    ),
}
