"""Sliders over the parameters of scenes: move them, and see what is drawn and what is alike."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from suppression import api
from suppression.data import Scenes
from suppression.data.loader import load_pool
from suppression.data.pool import Pool
from suppression.data.sample import take_sample
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError
from suppression.evaluation.neighbours import classes_of, grouping, held_out, vectors_of
from suppression.execution.displays import is_notebook
from suppression.seeding import torch_rng

NEEDS = "a notebook with ipywidgets, which `pip install ipywidgets` brings"
STILL = f"sliders need {NEEDS} (restart the kernel then); this is a still picture"
COMPARED = 300  # scenes among which neighbours are looked for
SHOWN_NEIGHBOURS, COUNTED_NEIGHBOURS = 3, 5
WIDE = 780  # px, at most, of the picture
GAP = 2  # px between pictures, before they are enlarged
STEPS = 20  # of a slider over numbers that are not whole
DRAWS = 9  # the last of the draws that can be chosen
VIEWS = Augmentation(area_min=0.4)  # crops as lessons train on them
DRAW = "draw"  # the slider that chooses which scenes are drawn

Values = dict[str, Any]
Ends = tuple[float, float, float]  # lowest, highest, at the beginning


@dataclass(frozen=True)
class Drawn:
    """What is shown at one place of the sliders.

    Args:
        png: The picture.
        text: What it shows, in sentences.
    """

    png: bytes
    text: str


class Sliders:
    """Scenes whose parameters are moved by sliders; made by `sliders`.

    A notebook shows the sliders. Anywhere else there is a still picture of the present values.

    Args:
        name: A card's name.
        fixed: Parameters that stay as they are.
        moved: Parameters that have a slider: its two ends, and where it begins.
        encoder: Any network; None shows no neighbours.
        n: Scenes that are shown.
        source: Where instances come from.
    """

    def __init__(
        self,
        name: str,
        fixed: Values,
        moved: Mapping[str, Ends],
        encoder: Any,
        n: int,
        source: str,
    ) -> None:
        self.name, self.fixed, self.moved = name, fixed, dict(moved)
        self.encoder, self.n, self.source = encoder, n, source
        self.values: Values = {each: begin for each, (*_, begin) in moved.items()} | {DRAW: 0}
        self.pools: dict[bool, Pool] = {}

    def scenes(self) -> Scenes:
        """The generator at the present values."""
        moved = {each: value for each, value in self.values.items() if each != DRAW}
        return api.dataset(self.name, **self.fixed, **moved)

    def draw(self, **values: Any) -> Drawn:
        """Move sliders to these values, and draw what is there.

        Raises:
            UserError: for a value that cannot be drawn.
        """
        self.values |= values
        scenes = self.scenes()
        sample = take_sample(
            scenes,
            VIEWS,
            self.pool(scenes, train=True),
            self.n,
            torch_rng("sample", self.values[DRAW]),
        )
        rows = [sample.x]
        if sample.x_again is not None:
            rows.append(sample.x_again)
        rows += sample.views
        captions = [" ".join(caption.split()) for caption in sample.captions]
        again = "" if sample.x_again is None else " as the second view sees them;"
        text = f"Rows: scenes;{again} first views; second views. They show: {' · '.join(captions)}."
        if self.encoder is None:
            return Drawn(tiled([row[:, : row.shape[1] - sample.planes] for row in rows]), text)
        return self.draw_neighbours(scenes)

    def draw_neighbours(self, scenes: Scenes) -> Drawn:
        """Held-out scenes, and below each those that the encoder puts nearest to it."""
        pool = self.pool(scenes, train=False)
        x, drawn = held_out(scenes, pool, COMPARED, seed=self.values[DRAW])
        found = grouping(vectors_of(self.encoder, x), classes_of(scenes, drawn), COUNTED_NEIGHBOURS)
        pictures = x[:, : x.shape[1] - scenes.planes]
        rows = [pictures[: self.n]]
        for place in range(SHOWN_NEIGHBOURS):
            rows.append(pictures[found.nearest[: self.n, place]])
        told = []
        for feature, share in found.shared.items():
            told.append(f"{feature} {share:.0%} (by chance {found.chance[feature]:.0%})")
        text = (
            f"Top row: scenes; below each, the {SHOWN_NEIGHBOURS} of {COMPARED} that the encoder "
            f"puts nearest to it. Of the {COUNTED_NEIGHBOURS} nearest, so many show the same: "
            f"{', '.join(told)}."
        )
        return Drawn(tiled(rows), text)

    def pool(self, scenes: Scenes, *, train: bool) -> Pool:
        if train not in self.pools:
            self.pools[train] = load_pool(scenes, self.source, train=train)
        return self.pools[train]

    def widgets(self, ipywidgets: Any) -> Any:
        """The sliders above their picture."""
        controls = [slider(ipywidgets, each, ends) for each, ends in self.moved.items()]
        controls.append(slider(ipywidgets, DRAW, (0, DRAWS, 0)))
        picture, text = ipywidgets.Image(format="png"), ipywidgets.HTML()

        def show(drawn: Drawn) -> None:
            picture.value, text.value = drawn.png, f"<p>{drawn.text}</p>"

        def moved(change: Any) -> None:
            try:
                show(self.draw(**{change["owner"].description: change["new"]}))
            except UserError as error:
                text.value = f"<p>{error}</p>"

        for control in controls:
            control.observe(moved, names="value")
        show(self.draw())
        return ipywidgets.VBox([*controls, picture, text])

    def _ipython_display_(self) -> None:
        from IPython.display import Image, display

        ipywidgets = library()
        if ipywidgets is not None and is_notebook():
            display(self.widgets(ipywidgets))
            return
        drawn = self.draw()
        if ipywidgets is None:
            print(STILL)
        display(Image(drawn.png))
        print(drawn.text)

    def _repr_png_(self) -> bytes:
        return self.draw().png

    def __repr__(self) -> str:
        return f"sliders over {', '.join(self.moved)} of {self.name}: they need {NEEDS}"


def sliders(
    name: str = "two_digits",
    *,
    encoder: Any = None,
    n: int = 6,
    source: str = "digits",
    **parameters: Any,
) -> Sliders:
    """Scenes whose parameters are moved by sliders, in a notebook that has ipywidgets.

    Args:
        name: A card's name.
        encoder: Any network or callable that takes these scenes, as `sup.fit` returns one, and
            `sup.encoder` of what was run before: each scene then has its nearest
            neighbours below it, and words say which feature these share. None shows both views.
        n: Scenes that are shown, 1 or more.
        source: Where instances come from, if the data set draws from a source.
        **parameters: Of the generator. A pair (low, high) has a slider, which begins at low, or at
            the third number where there are three; one value stays.

    Returns:
        What a notebook shows; where there are no sliders it is a still picture of the beginning.

    Raises:
        UserError: for a card or a parameter that is not there, where no parameter is a pair, and
            for scenes that cannot be drawn.

    Example:
        >>> import suppression as sup
        >>> moved = sup.lessons.sliders("two_digits", canvas=40, size1=12, size2=(12, 32))
        >>> moved.draw(size2=24).text.startswith("Rows: scenes; first views; second views.")
        True
    """
    if n < 1:
        raise UserError(f"n = {n}: one scene is shown at least")
    moved, fixed = {}, {}
    for each, value in parameters.items():
        if isinstance(value, tuple | list):
            moved[each] = ends_of(each, value)
        else:
            fixed[each] = value
    if not moved:
        raise UserError("no parameter has a slider: give one as a pair, e.g. size2=(12, 32)")
    made = Sliders(name, fixed, moved, encoder, n, source)
    made.scenes()  # what is not there is told here, not when a slider is moved
    return made


def ends_of(name: str, value: Any) -> Ends:
    """The two ends of a slider, and where it begins.

    Raises:
        UserError: for anything but two numbers, the smaller one first, and a third between them.
    """
    are_numbers = all(type(each) in (int, float) for each in value)
    if len(value) not in (2, 3) or not are_numbers or value[0] >= value[1]:
        raise UserError(f"{name} = {value!r}: a slider goes from one number to a larger, (12, 32)")
    low, high, begin = value if len(value) == 3 else (*value, value[0])
    if not low <= begin <= high:
        raise UserError(f"{name} = {value!r}: the slider begins between its ends, (12, 32, 24)")
    return low, high, begin


# --- widgets and pictures --------------------------------------------------------------------


def library() -> Any:
    """ipywidgets; None where it is not installed."""
    try:
        import ipywidgets
    except ImportError:
        return None
    return ipywidgets


def slider(ipywidgets: Any, name: str, ends: Ends) -> Any:
    """A slider over whole numbers where both ends are whole, which draws when it is let go."""
    low, high, begin = ends
    of = {"min": low, "max": high, "value": begin, "description": name, "continuous_update": False}
    if isinstance(low, int) and isinstance(high, int):
        return ipywidgets.IntSlider(**of)
    return ipywidgets.FloatSlider(**of, step=(high - low) / STEPS)


def tiled(rows: list[Tensor]) -> bytes:
    """Rows of pictures (n, c, s, s) below one another, enlarged by a whole number, as a png."""
    from PIL import Image

    side = max(row.shape[-1] for row in rows)
    lines = [torch.cat(list(framed(row, side)), dim=2) for row in rows]
    pixels = (torch.cat(lines, dim=1).clamp(0, 1) * 255).round().byte()  # (c, h, w)
    picture = Image.fromarray(pixels.permute(1, 2, 0).squeeze(2).numpy())
    times = max(1, WIDE // picture.width)
    large = picture.resize(
        (times * picture.width, times * picture.height), Image.Resampling.NEAREST
    )
    out = io.BytesIO()
    large.save(out, "png")
    return out.getvalue()


def framed(pictures: Tensor, side: int) -> Iterator[Tensor]:
    """Pictures of one side, each with a white gap to its right and below it."""
    same = interpolate(pictures.float(), size=(side, side), mode="nearest")
    yield from pad(same, (0, GAP, 0, GAP), value=1.0)
