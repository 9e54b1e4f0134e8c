"""Whether what is seen of the small digit depends on the size of the other one.

It must not where sizes are compared, or the axis changes two things at once.
"""

from __future__ import annotations

import pytest
import torch

from suppression.data import SOURCES, Augmentation, TwoDigits

SIZES = (18, 41, 54, 64)  # 1, 2.3, 3 and 3.55 times the first digit's
CANVAS, VIEW, MANY = 80, 32, 2000
VIEWS = Augmentation(view=VIEW, area_min=0.25)


def ink_of_first(scenes, factors, pool, crop=None):
    """How much ink the first digit has in a view, in px of the canvas, (MANY,)."""
    ink = scenes.masks(factors, pool, view=crop, out=VIEW)[:, 0].sum((1, 2))
    area = CANVAS**2 if crop is None else crop[:, 2] * crop[:, 3]
    return ink * area / VIEW**2


def seen_in_both(overlap, size2):
    """The share of the first digit's ink in the view where less of it is, (MANY,)."""
    rng = torch.Generator().manual_seed(0)
    scenes = TwoDigits(canvas=CANVAS, size1=18, size2=size2, overlap=overlap, box=20)
    pool = SOURCES["digits"](train=True)
    factors = scenes.factors(MANY, rng, pool)
    whole = ink_of_first(scenes, factors, pool)
    rng.manual_seed(1)
    shares = []
    for _ in range(2):
        crop = VIEWS.draw(MANY, CANVAS, rng)["crop"]
        shares.append(ink_of_first(scenes, factors, pool, crop) / whole)
    return torch.minimum(*shares)


def is_seen(shares):
    """The share of pairs of views that both show nearly all of the digit."""
    return shares.gt(0.9).double().mean().item()


def test_the_small_digit_is_seen_as_often_beside_a_large_one_where_digits_may_overlap():
    alone = seen_in_both(1.0, SIZES[0])
    for size2 in SIZES[1:]:
        assert torch.equal(seen_in_both(1.0, size2), alone)  # one law, and one stream of numbers
    assert is_seen(alone) > 0.35


@pytest.mark.parametrize("size2", SIZES[2:])
def test_where_boxes_are_kept_apart_a_large_digit_pushes_the_small_one_to_the_rim(size2):
    """Which is why `overlap` is 1 where sizes are compared."""
    lost = is_seen(seen_in_both(1.0, size2)) - is_seen(seen_in_both(0.3, size2))
    assert lost > 0.1
