"""A few scenes to look at: pictures, both views, what was drawn, and a sheet of all that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from suppression import expect
from suppression.data.loader import both_factors
from suppression.data.pool import Pool
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError

if TYPE_CHECKING:
    from suppression.data.base import Factors, Scenes
    from suppression.data.sheet import Sheet

VIEW_COLOURS = ("#D55E00", "#56B4E9")  # orange and blue of Okabe and Ito


@dataclass(frozen=True)
class Sample:
    """A few scenes of a generator, to look at; `Scenes.sample` draws them.

    A notebook shows the sheet that `show()` draws.

    Args:
        name: What the scenes are called.
        x: The scenes (n, channels, canvas, canvas) in [0, 1].
        views: Both views of each, (n, channels, view, view).
        local: The local crops of each, (n, channels, s, s).
        factors: What was drawn, (n, ...) each; `again_NAME` is what the second view shows anew.
        labels: The class of each feature, (n,).
        captions: What is written above each scene.
        crops: The crops of both views, `top, left, height, width`, (n, 4) px of the canvas.
        x_again: The scenes as the second view sees them, where it sees others.
        planes: How many of the last channels are not drawn.
    """

    name: str
    x: Tensor
    views: tuple[Tensor, Tensor]
    local: tuple[Tensor, ...]
    factors: Factors
    labels: dict[str, Tensor]
    captions: list[str]
    crops: tuple[Tensor, Tensor]
    x_again: Tensor | None = None
    planes: int = 0

    def __len__(self) -> int:
        return len(self.x)

    def show(self, title: str | None = None) -> Sheet:
        """Draw a sheet, a column for each scene.

        Its rows are the scenes with the outlines of both crops, both views, and the local crops.
        Channels that augmentation does not reach are written above, not drawn.

        Args:
            title: What the scenes are called above the sheet; the generator's name if None.

        Returns:
            A figure of matplotlib's, which a notebook shows.
        """
        from suppression.data.sheet import Outline, draw_sheet

        rows = {"scene": self.x}
        if self.x_again is not None:
            rows["scene again"] = self.x_again
        rows["view 1"], rows["view 2"] = self.views
        for i, small in enumerate(self.local):
            rows[f"local {i + 1}"] = small
        drawn = {}
        for name, pictures in rows.items():
            drawn[name] = pictures[:, : pictures.shape[1] - self.planes]
        seen_again = "scene" if self.x_again is None else "scene again"
        outlines = [
            Outline("scene", self.crops[0], VIEW_COLOURS[0]),
            Outline(seen_again, self.crops[1], VIEW_COLOURS[1]),
        ]
        above = "classes and appended planes" if self.planes else "classes"
        heading = (
            f"{self.name if title is None else title}: {above} above; crops of view 1 (orange) "
            f"and view 2 (blue) on the {self.x.shape[-1]}-px scene"
        )
        return draw_sheet(drawn, self.captions, outlines, heading)

    def _repr_png_(self) -> bytes:
        return self.show()._repr_png_()


def take_sample(
    scenes: Scenes, augmentation: Augmentation, pool: Pool, n: int, rng: torch.Generator
) -> Sample:
    """Draw a few scenes, both views and the local crops of each.

    Args:
        scenes: The generator.
        augmentation: What is done to the views.
        pool: The instances to draw from.
        n: Number of scenes, 1 or more.
        rng: The only source of random numbers.

    Raises:
        UserError: The scenes cannot be drawn.
    """
    expect.instance("sample", "augmentation", augmentation, Augmentation, "Augmentation(flip=0.5)")
    if n < 1:
        raise UserError(f"n = {n}: a sample has one scene at least")
    try:
        drawn = scenes.factors(n, rng, pool)
    except ValueError as error:
        raise UserError(str(error)) from error
    again = scenes.again(drawn, rng, pool)
    second = augmentation.crop_only if augmentation.one_branch else augmentation
    seen = [(augmentation, drawn), (second, again)]
    if augmentation.local:
        small = augmentation.small(scenes.canvas)
        seen += [(small, (drawn, again)[i % 2]) for i in range(augmentation.local)]
    channels = scenes.channels - scenes.planes
    how = [views.draw(n, scenes.canvas, rng, channels=channels) for views, _ in seen]

    pictures = []
    for (views, shown), parameters in zip(seen, how, strict=True):
        out = views.view or scenes.canvas
        x = scenes.render(shown, pool, view=parameters["crop"], out=out)
        pictures.append(scenes.append(views.apply(x, parameters), shown))
    first, other, *local = pictures
    x_again = None
    if again is not drawn:
        x_again = scenes.append(scenes.render(again, pool), again)
    return Sample(
        name=type(scenes).__name__,
        x=scenes.append(scenes.render(drawn, pool), drawn),
        views=(first, other),
        local=tuple(local),
        factors=both_factors(drawn, again),
        labels=scenes.labels(drawn),
        captions=scenes.captions(drawn, pool),
        crops=(how[0]["crop"], how[1]["crop"]),
        x_again=x_again,
        planes=scenes.planes,
    )
