"""What a training step sees of drawn scenes: two views of each, and smaller local crops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from suppression.data.pool import Pool
from suppression.data.transforms.augmentation import Augmentation

if TYPE_CHECKING:
    from suppression.data.base import Factors, Scenes


def two_views(
    scenes: Scenes, views: Augmentation, drawn: Factors, pool: Pool, rng: torch.Generator
) -> tuple[Tensor, ...]:
    """Both views of each scene, then its local crops; see `views_of`."""
    return views_of(scenes, views, [drawn, scenes.again(drawn, rng, pool)], pool, rng)


def views_of(
    scenes: Scenes,
    views: Augmentation,
    shown: list[Factors],
    pool: Pool,
    rng: torch.Generator,
) -> tuple[Tensor, ...]:
    """Two views of each scene, and as many local crops as the augmentation has.

    All are drawn straight from the instances at their final size, with what the scenes append.
    A local crop shows the scene as one of the views does, in turn: what a scene draws anew for
    its second view differs between local crops, too.

    Args:
        scenes: The generator.
        views: The augmentation.
        shown: The factors of the first and of the second view.
        pool: The instances.
        rng: The only source of random numbers.

    Returns:
        The views and local crops, (n, channels, s, s) each, channels last in memory.
    """
    first, second = shown
    if views.one_branch:
        pair = (
            *drawn_at_once(scenes, views, [first], pool, rng),
            *drawn_at_once(scenes, views.crop_only, [second], pool, rng),
        )
    else:
        pair = drawn_at_once(scenes, views, shown, pool, rng)
    if not views.local:
        return pair
    in_turn = [shown[i % 2] for i in range(views.local)]
    return *pair, *drawn_at_once(scenes, views.small(scenes.canvas), in_turn, pool, rng)


def drawn_at_once(
    scenes: Scenes,
    views: Augmentation,
    shown: list[Factors],
    pool: Pool,
    rng: torch.Generator,
) -> tuple[Tensor, ...]:
    """A view of each of these factors, all in one batch."""
    canvas, channels = scenes.canvas, scenes.channels - scenes.planes
    how = joined([views.draw(count(drawn), canvas, rng, channels=channels) for drawn in shown])
    all_shown = joined(shown)
    out = views.view or scenes.canvas
    x = scenes.render(all_shown, pool, view=how["crop"], out=out)
    x = scenes.append(views.apply(x, how), all_shown)
    return x.contiguous(memory_format=torch.channels_last).chunk(len(shown))


def joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The rows of all parts, one after another, by name."""
    together = {}
    for name in parts[0]:
        together[name] = torch.cat([part[name] for part in parts])
    return together


def count(drawn: Factors) -> int:
    """How many scenes were drawn."""
    return len(next(iter(drawn.values())))
