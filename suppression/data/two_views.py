"""What a training step sees of drawn scenes: two views of each, and smaller crops where they are asked for."""

from __future__ import annotations

import torch
from torch import Tensor

from suppression.data.base import Factors, Scenes
from suppression.data.pool import Pool
from suppression.data.transforms.augmentation import Augmentation


def two_views(scenes: Scenes, views: Augmentation, drawn: Factors, pool: Pool, rng: torch.Generator) -> tuple[Tensor, ...]:
    """Both views of each scene, drawn at once, straight from the instances at their final size, with what the scenes append to them; then its local crops.

    A local crop shows the scene as one of the views does, turn about: what a scene draws anew for its second view differs between them, too.
    """
    again = scenes.again(drawn, rng)
    if views.one_branch:
        pair = (*seen_by(scenes, views, 1, [drawn], pool, rng), *seen_by(scenes, views.crop_only, 1, [again], pool, rng))
    else:
        pair = seen_by(scenes, views, 2, [drawn, again], pool, rng)
    local = seen_by(scenes, views.small(scenes.canvas), views.local, [drawn, again], pool, rng) if views.local else ()
    return *pair, *local


def seen_by(scenes: Scenes, views: Augmentation, times: int, shown: list[Factors], pool: Pool, rng: torch.Generator) -> tuple[Tensor, ...]:
    """As many views of each scene, which is shown in turn as one of `shown`, all drawn at once."""
    turns = [shown[i % len(shown)] for i in range(times)]
    how = [views.draw(count(drawn), scenes.canvas, rng, channels=scenes.channels - scenes.planes) for drawn in turns]
    together = {name: torch.cat([one[name] for one in how]) for name in how[0]}
    all_shown = {name: torch.cat([one[name] for one in turns]) for name in turns[0]}
    x = views.apply(scenes.render(all_shown, pool, view=together["crop"], out=views.view or scenes.canvas), together)
    return scenes.append(x, all_shown).contiguous(memory_format=torch.channels_last).chunk(times)


def count(drawn: Factors) -> int:
    """How many scenes were drawn."""
    return len(next(iter(drawn.values())))
