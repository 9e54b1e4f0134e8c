"""The explorer: one page on which recorded results are moved through, and an encoder is played.

It holds every point of every record, and of results beside them, as the chart of pages draws them,
a few scenes with both views for each place of the axis, and which scenes a few networks put next
to one another.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from typing import Any

from suppression.data.base import Scenes
from suppression.data.loader import load_training_pool, source_names
from suppression.data.pool import Pool
from suppression.data.sample import Sample, take_sample
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError
from suppression.evaluation.probes import AXES
from suppression.experiment.plan import Plan
from suppression.experiment.run import Run
from suppression.reporting.chart import chart_data
from suppression.reporting.neighbours import recorded_neighbours
from suppression.reporting.page import data_uri, page_of
from suppression.reporting.summary import Summary
from suppression.reporting.verdict import verdict
from suppression.seeding import torch_rng

Facts = dict[str, Any]

SCENES = 6  # that are shown at a place
GAP = 2  # px between pictures
# Sources that come with the package's libraries; MNIST's own digits are among those of `mnist5k`.
EMBEDDED = {"digits", "mnist5k", "photos", "colour_photos"}
IN_PLACE_OF = {"mnist": "mnist5k"}


def explorer_page(summaries: Mapping[str, Summary], *, first: str) -> str:
    """The page.

    Args:
        summaries: What can be chosen: the points by their names.
        first: Which one is shown when it opens; the first of all where it has no rows.

    Raises:
        UserError: if there are no rows at all.
    """
    shelf = Shelf()
    entries = []
    for name, summary in summaries.items():
        if summary.rows:
            entries.append(entry(name, summary, shelf))
    if not entries:
        raise UserError("there is nothing to explore: no record, and no result that has rows")
    told = {
        "entries": entries,
        "pictures": shelf.pictures,
        "first": first,
        "neighbours": recorded_neighbours(),
    }
    scripts = ("chart.js", "toy.js", "neighbours.js", "race.js", "explorer.js")
    return page_of("explorer.html", scripts, told=told)


def entry(name: str, summary: Summary, shelf: Shelf) -> Facts:
    """One experiment: its points, its verdict, and what its scenes look like along the axis."""
    return {
        "choice": name,
        "claim": " ".join(summary.plan.recipe.claim.split()),
        "verdict": verdict(summary),
        "scenes": scenes_along(summary, shelf),
        **chart_data(summary),
    }


class Shelf:
    """The pictures of a page by their numbers; equal scenes are drawn once."""

    def __init__(self) -> None:
        self.pictures: list[str] = []
        self.drawn: dict[str, Facts | None] = {}
        self.pools: dict[str, Pool] = {}

    def scenes_of(self, run: Run) -> Facts | None:
        """The picture of a few scenes as a cell sees them, and what each shows.

        None where their source does not come with the package.
        """
        scenes, source = at_hand(run.dataset), run.source or "digits"
        source = IN_PLACE_OF.get(source, source)
        asked = repr((scenes, source, run.augmentation))
        if asked not in self.drawn:
            self.drawn[asked] = None
            if set(source_names(scenes, source).values()) <= EMBEDDED:
                pool = self.pool_of(scenes, source)
                views = run.augmentation or Augmentation()
                sample = take_sample(scenes, views, pool, SCENES, torch_rng("sample", 0))
                number = self.put(data_uri(strip(sample), "image/png"))
                self.drawn[asked] = {"picture": number, "captions": captions(sample)}
        return self.drawn[asked]

    def put(self, picture: str) -> int:
        if picture not in self.pictures:
            self.pictures.append(picture)
        return self.pictures.index(picture)

    def pool_of(self, scenes: Scenes, source: str) -> Pool:
        instances = getattr(scenes, "instances", None)
        side = getattr(scenes, "photo_side", None)
        asked = repr((source_names(scenes, source), side, instances))
        if asked not in self.pools:
            self.pools[asked] = load_training_pool(scenes, source)
        return self.pools[asked]


# --- scenes ----------------------------------------------------------------------------------


def scenes_along(summary: Summary, shelf: Shelf) -> list[Facts]:
    """A picture and its captions for each place of the axis, or one for all where they are alike.

    None at all where they cannot be drawn here, or are not those of the rows.
    """
    found = []
    measured = {row.get("source") for row in summary.rows}
    for x in summary.plan.axis:
        run = run_at(summary.plan, x)
        if run is None or run.parameters.get("source") not in measured:
            return []
        scenes = shelf.scenes_of(run)
        if scenes is None:
            return []
        found.append(scenes)
    return found[:1] if all(each == found[0] for each in found) else found


def run_at(plan: Plan, x: Any) -> Run | None:
    """A cell that is trained on what an arm sees there, and is no control."""
    for run in [*plan.cells, *plan.other_cells]:
        is_there = plan.recipe.axis in AXES or run.parameters.get(plan.recipe.axis, x) == x
        is_control = run.arm is None or run.arm in plan.controls or "redraw" in run.arm
        if is_there and not is_control and run.augmentation is not None:
            return run
    return None


def at_hand(scenes: Scenes) -> Scenes:
    """The scenes, drawn from digits that come with the package."""
    source = getattr(scenes, "source", None)
    if source not in IN_PLACE_OF:
        return scenes
    return dataclasses.replace(scenes, source=IN_PLACE_OF[source])  # type: ignore[type-var]


def captions(sample: Sample) -> list[str]:
    return [" ".join(caption.split()) for caption in sample.captions]


def strip(sample: Sample) -> bytes:
    """Scenes, first views and second views below one another, as a png of few colours."""
    import torch
    from PIL import Image
    from torch.nn.functional import interpolate, pad

    side = sample.x.shape[-1]
    rows = []
    for pictures in (sample.x, *sample.views):
        drawn = pictures[:, : pictures.shape[1] - sample.planes]
        drawn = interpolate(drawn, size=(side, side), mode="nearest")
        drawn = pad(drawn, (0, GAP, 0, GAP), value=1.0)  # (n, c, side + GAP, side + GAP)
        rows.append(torch.cat(list(drawn), dim=2))
    pixels = (torch.cat(rows, dim=1).clamp(0, 1) * 255).round().byte()  # (c, h, w)
    whole = Image.fromarray(pixels.permute(1, 2, 0).squeeze(2).numpy())
    out = io.BytesIO()
    few = whole.quantize(64, dither=Image.Dither.NONE) if whole.mode == "RGB" else whole
    few.save(out, "png", optimize=True)
    return out.getvalue()
