"""The second door: `python -m suppression.show two_digits` draws a sheet of samples with both views, and prints the card."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suppression import shelf
from suppression.errors import UserError, unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from suppression.machine import Place

SAMPLES = 8


def main(argv: list[str] | None = None) -> int:
    try:
        return run(sys.argv[1:] if argv is None else argv)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m suppression.show", description="Draw samples of a data set with both views of each, and print its card.")
    parser.add_argument("name", nargs="?", help="a card's name, or the path of a card (.toml); none: the list of cards")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write the picture (default: NAME.png in this folder)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", type=Path, metavar="DIR", help="where data sets lie (default: SUPPRESSION_DATA, else the user's data folder)")
    parser.add_argument("--download", action="store_true", help="fetch a data set that is not there")
    parser.add_argument("--skip-bad", action="store_true", help="leave out files of a folder of photographs that are no pictures, instead of stopping at them")
    given, rest = parser.parse_known_args(argv)
    if given.name is None:
        if rest:
            raise UserError(f"name the data set first; there are: {', '.join(shelf.names('datasets'))}")
        for name in shelf.names("datasets"):
            print(f"{name:20} {shelf.read(shelf.find('datasets', name)).get('title', '')}")
        return 0
    from suppression.forms import load_card

    card = load_card(given.name)
    from suppression.knobs import coerce, schema

    knobs = {name: knob for name, knob in schema(card.kind).items() if knob.room in ("scenes", "views")}
    flags = argparse.ArgumentParser(prog="python -m suppression.show", allow_abbrev=False, add_help=False)
    for knob in knobs.values():
        flags.add_argument(*dict.fromkeys([f"--{knob.name}", f"--{knob.name.replace('_', '-')}"]), dest=knob.name)
    pinned, rest = flags.parse_known_args(rest)
    if rest:
        raise unknown(f"{Path(given.name).stem} has no knob", rest[0].lstrip("-").replace("-", "_"), [*knobs, "out", "seed", "root", "download", "skip_bad"])
    cell: dict[str, Any] = {knob.name: knob.default for knob in knobs.values()} | card.knobs
    cell |= {name: coerce(knobs[name], value, "command line") for name, value in vars(pinned).items() if value is not None}
    from suppression import build, lab
    from suppression.figures import saved
    from suppression.pictures import lighter

    place = lab.Place(store=Path(), root=given.root, download=given.download, skip_bad=given.skip_bad)
    cell |= {"data": card.kind, "seed": given.seed}
    content = saved(sheet(cell, place, title=card.title), "png")
    out = given.out or Path(f"{Path(given.name).stem}.png")
    try:
        out.write_bytes(lighter(content) if build.scenes_of(cell).channels - build.scenes_of(cell).planes > 1 else content)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from error
    print(told(card, cell))
    print(f"picture: {out}")
    return 0


def told(card: Any, cell: dict[str, Any]) -> str:
    lines = [card.title, card.text.strip(), "", *(f"feature {name}: {meaning}" for name, meaning in card.features.items())]
    lines += [f"published: {card.source}"] if card.source else []
    return "\n".join(
        [*lines, "", "knobs: " + ", ".join(f"{name}={value}" for name, value in cell.items() if value is not None and name not in ("data", "seed"))]
    )


def sheet(cell: dict[str, Any], place: Place | None = None, *, title: str = "") -> Figure:
    """Samples in columns; in rows the scene (drawn with the crops' outlines), its two views, and its local crops. What is appended to a view is told above, not drawn."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    from suppression import build, feed, lab
    from suppression.seeds import torch_rng
    from suppression.views import Views

    scenes, views, place = build.scenes_of(cell), build.part(Views, cell), place or lab.Place(store=Path())  # nothing is stored
    pool = feed.load_pool(cell, True, place, lambda text: print(f"note: {text}", file=sys.stderr)).first(cell.get("instances"))
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


if __name__ == "__main__":
    sys.exit(main())
