"""A sheet of samples of a data set: scenes, both views, local crops."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suppression.errors import UserError
from suppression.execution.batches import load_pool
from suppression.execution.context import Context
from suppression.experiment.builders import part, scenes_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from suppression.execution.context import Context

SAMPLES = 8


def sheet(cell: dict[str, Any], context: Context | None = None, *, title: str = "") -> Figure:
    """Samples in columns; in rows the scene (drawn with the crops' outlines), its two views, and its local crops. What is appended to a view is told above, not drawn."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    from suppression.data.transforms.augmentation import Augmentation
    from suppression.seeding import torch_rng

    scenes, views, context = scenes_of(cell), part(Augmentation, cell), context or Context(store=Path())  # nothing is stored
    pool = load_pool(cell, True, context, lambda text: print(f"note: {text}", file=sys.stderr)).first(cell.get("instances"))
    rng = torch_rng("show", cell["seed"])
    try:
        drawn = scenes.factors(SAMPLES, rng, pool)
    except ValueError as error:
        raise UserError(str(error)) from error
    again = scenes.again(drawn, rng)
    small = views.small(scenes.canvas) if views.local else views
    seen = [("view 1", views, drawn), ("view 2", views.crop_only if views.one_branch else views, again)]
    seen += [(f"local {i + 1}", small, (drawn, again)[i % 2]) for i in range(views.local or 0)]
    how = [each.draw(SAMPLES, scenes.canvas, rng, channels=scenes.channels - scenes.planes) for _, each, _ in seen]
    rows = {"scene": scenes.render(drawn, pool)} | ({} if again is drawn else {"scene again": scenes.render(again, pool)})
    rows |= {
        name: each.apply(scenes.render(shown, pool, view=params["crop"], out=each.view or scenes.canvas), params)
        for (name, each, shown), params in zip(seen, how, strict=True)
    }
    made = Figure(figsize=(1.7 * SAMPLES, 2 * len(rows)), layout="constrained")
    axes = made.subplots(len(rows), SAMPLES)
    captions = scenes.captions(drawn, pool)
    fits = min(15, 200 // max(len(line) for caption in captions for line in caption.split("\n")))
    for column in range(SAMPLES):
        for row, (name, pictures) in enumerate(rows.items()):
            ax = axes[row][column]
            ax.imshow(pictures[column].permute(1, 2, 0).squeeze(2).numpy(), cmap="gray", vmin=0, vmax=1)
            ax.set_xticks([])
            ax.set_yticks([])
            if column == 0:
                ax.set_ylabel(name, fontsize=15)
        axes[0][column].set_title(captions[column], fontsize=fits)
        for row, each, colour in zip((0, int("scene again" in rows)), how[:2], ("#D55E00", "#56B4E9"), strict=True):
            top, left, height, width = (float(v) for v in each["crop"][column])
            axes[row][column].add_patch(Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=colour, linewidth=2))
    above = "classes and appended planes" if scenes.planes else "classes"
    made.suptitle(f"{title}: {above} above; crops of view 1 (orange) and view 2 (blue) on the {scenes.canvas}-px scene", fontsize=15)
    return made
