"""The generated pages: datasets/README.md, experiments/README.md, and the result in the README."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suppression.experiment.plan import Plan

MARKS = ("<!-- result: written by `python -m suppression.report` -->", "<!-- /result -->")


GENERATED = "<!-- written by `python -m suppression.report`; edit the TOML files, not this page -->\n"


def datasets_page(folder: Path) -> str:
    from suppression.experiment.spec import load_card

    parts = ["# Data sets\n", GENERATED, "Draw samples of one: `python -m suppression.show NAME`.\n"]
    for path in sorted(folder.glob("*.toml")):
        card = load_card(str(path))
        parts += [f"## {card.title} (`{path.stem}`)\n", card.text.strip() + "\n"]
        parts += ["| feature | what it is |\n|---|---|\n" + "\n".join(f"| `{name}` | {what} |" for name, what in card.features.items()) + "\n"]
        parts += [f"Published: {card.source}.\n"] if card.source else []
        if path.with_suffix(".png").exists():
            parts.append(f"![samples of {path.stem} with both views]({path.stem}.png)\n")
    return "\n".join(parts)


def experiments_page(folder: Path) -> str:
    from suppression.experiment.spec import load_recipe

    parts = ["# Experiments\n", GENERATED, "Measured beside published. Run one: `python -m suppression.exp NAME`.\n"]
    for path in sorted(folder.glob("*.toml")):
        recipe = load_recipe(str(path))
        parts += [f"## {recipe.title} (`{path.stem}`)\n", recipe.claim.strip() + "\n"]
        if path.with_suffix(".md").exists():
            parts.append(f"How the laptop scale was found, what failed, what is not shown: [{path.stem}.md]({path.stem}.md).\n")
        scales = [scale for scale in recipe.scale if (folder / f"{path.stem}.{scale}.csv").exists()]
        parts += [recorded_section(folder, path.stem, scale) for scale in scales]
        parts += [] if scales else ["No recorded result yet.\n"]
    return "\n".join(parts)


def recorded(folder: Path, name: str, scale: str) -> tuple[Plan, list[dict], list[dict]]:
    """The plan of a recorded result, its rows, and how they were made."""
    from suppression.experiment.plan import make_plan
    from suppression.reporting.records import read_record

    planned = make_plan(str(folder / f"{name}.toml"), scale=scale)
    return planned, *read_record(folder, planned)


def how_made(made: dict) -> str:
    libraries = ", ".join(f"{library} {version}" for library, version in made["libraries"].items())
    return (
        f"`{made['command']}`, recorded {made['recorded']} on {made['machine']} ({made['device']}, {made['cores']} cores, {made['threads']} thread(s) a cell); "
        f"{made['cells']} cells, {made['training_seconds']['sum'] / 60:.0f} minutes of training in all, the longest cell {made['training_seconds']['longest']:.0f} s; "
        + (f"at most {made['peak_mb']:,} MB a worker; " if made.get("peak_mb") else "")
        + f"precision {', '.join(made['precision'])}; {libraries}; commit {', '.join(made['commits'])}."
    )


def recorded_section(folder: Path, name: str, scale: str) -> str:
    """One recorded result: the table, how it was made, the figure."""
    from suppression.reporting.tables import caption, markdown, published_table

    planned, rows, made = recorded(folder, name, scale)
    pictures = f"{name}.{scale}.pictures.png"
    return "\n".join(
        [
            f"### {scale} scale\n",
            markdown(planned, rows),
            *filter(None, [published_table(planned), markdown(planned, rows)]),
            caption(planned, rows).replace("\n", "  \n") + "\n",
            *(how_made(run) + "\n" for run in made),
            f"![{name}, {scale} scale]({name}.{scale}.svg)\n",
            *([f"![pictures of {name}, {scale} scale]({pictures})\n"] if (folder / pictures).exists() else []),
        ]
    )


def redraw(folder: Path) -> list[Path]:
    """Draw the figure of every record anew from its rows, as the code and the recipes are now; the paths."""
    from suppression.reporting.figures import figure, saved

    drawn = []
    for path in sorted(folder.glob("*.*.csv")):
        name, scale, _ = path.name.rsplit(".", 2)
        planned, rows, _ = recorded(folder, name, scale)
        drawn.append(path.with_suffix(".svg"))
        drawn[-1].write_bytes(saved(figure(planned, rows), "svg"))
    return drawn


def with_result(readme: str, folder: Path) -> str:
    """The README with the first digit's part of the recorded laptop table between its two marks."""
    from suppression.reporting.tables import markdown

    before, _, rest = readme.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    planned, rows, runs = recorded(folder, "digit_size", "laptop")
    made = " and ".join(dict.fromkeys(f"{run['machine']} with {run['cores']} cores, {run['recorded']}" for run in runs))
    told = f"Laptop scale, {made}; first digit {rows[0]['size1']} px (published: 20 px).\n"
    return f"{before}{MARKS[0]}\n{told}\n{markdown(planned, rows, features=['first'])}{MARKS[1]}{after}"
