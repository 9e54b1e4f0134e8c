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
    given, rest = parser.parse_known_args(argv)
    if given.name is None:
        if rest:
            raise UserError(f"name the data set first; there are: {', '.join(shelf.names('datasets'))}")
        for name in shelf.names("datasets"):
            print(f"{name:20} {shelf.read(shelf.find('datasets', name)).get('title', '')}")
        return 0
    from suppression.recipe import load_card

    card = load_card(given.name)
    from suppression.knobs import coerce, schema

    knobs = {name: knob for name, knob in schema(card.kind).items() if knob.room in ("scenes", "views")}
    flags = argparse.ArgumentParser(prog="python -m suppression.show", allow_abbrev=False, add_help=False)
    for knob in knobs.values():
        flags.add_argument(*dict.fromkeys([f"--{knob.name}", f"--{knob.name.replace('_', '-')}"]), dest=knob.name)
    pinned, rest = flags.parse_known_args(rest)
    if rest:
        raise unknown(f"{Path(given.name).stem} has no knob", rest[0].lstrip("-").replace("-", "_"), [*knobs, "out", "seed", "root", "download"])
    cell: dict[str, Any] = {knob.name: knob.default for knob in knobs.values()} | card.knobs
    cell |= {name: coerce(knobs[name], value, "command line") for name, value in vars(pinned).items() if value is not None}
    from suppression.figures import saved

    content = saved(sheet(cell | {"data": card.kind, "seed": given.seed}, root=given.root, download=given.download, title=card.title), "png")
    out = given.out or Path(f"{Path(given.name).stem}.png")
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from error
    print(told(card, cell))
    print(f"picture: {out}")
    return 0


def told(card: Any, cell: dict[str, Any]) -> str:
    lines = [card.title, card.text.strip(), "", *(f"feature {name}: {meaning}" for name, meaning in card.features.items())]
    lines += [f"published: {card.source}"] if card.source else []
    return "\n".join([*lines, "", "knobs: " + ", ".join(f"{name}={value}" for name, value in cell.items() if value is not None)])


def sheet(cell: dict[str, Any], *, root: Path | None = None, download: bool = False, title: str = "") -> Figure:
    """Samples in columns; in rows the scene (drawn with the crops' outlines), and its two views."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    from suppression import lab
    from suppression.scenes import SCENES, SOURCES, MissingSource
    from suppression.seeds import torch_rng
    from suppression.views import Views

    scenes, views = lab.part(SCENES[cell["data"]], cell), lab.part(Views, cell)
    try:
        pool = SOURCES[cell["source"]](True, root, download)
    except MissingSource as error:
        raise UserError(str(error)) from error
    rng = torch_rng("show", cell["seed"])
    try:
        drawn = scenes.factors(SAMPLES, rng, pool)
    except ValueError as error:
        raise UserError(str(error)) from error
    how = [views.draw(SAMPLES, scenes.canvas, rng) for _ in range(2)]
    out = views.view or scenes.canvas
    pictures = [scenes.render(drawn, pool)]
    pictures += [views.apply(scenes.render(drawn, pool, view=each["crop"], out=out), each) for each in how]
    made = Figure(figsize=(1.7 * SAMPLES, 6), layout="constrained")
    axes = made.subplots(3, SAMPLES)
    for column in range(SAMPLES):
        for row, name in enumerate(("scene", "view 1", "view 2")):
            ax = axes[row][column]
            ax.imshow(pictures[row][column, 0].numpy(), cmap="gray", vmin=0, vmax=1)
            ax.set_xticks([])
            ax.set_yticks([])
            if column == 0:
                ax.set_ylabel(name, fontsize=15)
        axes[0][column].set_title(", ".join(str(int(d)) for d in drawn["digit"][column]), fontsize=15)
        for each, colour in zip(how, ("#D55E00", "#56B4E9"), strict=True):
            top, left, height, width = (float(v) for v in each["crop"][column])
            axes[0][column].add_patch(Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=colour, linewidth=2))
    made.suptitle(f"{title}: classes above; crops of view 1 (orange) and view 2 (blue) on the {scenes.canvas}-px scene", fontsize=15)
    return made


if __name__ == "__main__":
    sys.exit(main())
