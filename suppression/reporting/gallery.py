"""The generated pages: datasets/README.md, experiments/README.md, and the README's result."""

from __future__ import annotations

import inspect
from pathlib import Path

from suppression.data import SOURCES
from suppression.errors import UserError
from suppression.experiment.plan import make_plan
from suppression.experiment.spec import load_card, load_recipe
from suppression.reporting.claims import page_section
from suppression.reporting.figures import figure, saved
from suppression.reporting.quoted import filled
from suppression.reporting.records import Facts, plan_of, read_record
from suppression.reporting.summary import Summary, summarise
from suppression.reporting.tables import (
    caption,
    headline_markdown,
    interval_text,
    markdown,
    published_table,
    retention_markdown,
    seeds_text,
)
from suppression.reporting.verdict import verdict
from suppression.writing import replace

MARKS = ("<!-- result: written by `python -m suppression.report` -->", "<!-- /result -->")
CONTRASTS = (
    "<!-- contrasts: written by `python -m suppression.report` -->",
    "<!-- /contrasts -->",
)
GENERATED = (
    "<!-- written by `python -m suppression.report`; edit the TOML files, not this page -->\n"
)


def datasets_page(folder: Path) -> str:
    parts = [
        "# Data sets\n",
        GENERATED,
        "Draw samples of one: `python -m suppression.show NAME`.\n",
    ]
    for path in sorted(folder.glob("*.toml")):
        card = load_card(str(path))
        parts += [f"## {card.title} (`{path.stem}`)\n", f"{card.text.strip()}\n"]
        features = [f"| `{name}` | {what} |" for name, what in card.features.items()]
        parts.append("\n".join(["| feature | what it is |\n|---|---|", *features]) + "\n")
        if card.source:
            parts.append(f"Published: {card.source}.\n")
        if path.with_suffix(".png").exists():
            parts.append(f"![samples of {path.stem} with both views]({path.stem}.png)\n")
    parts.append(sources_section())
    return "\n".join(parts)


def sources_section() -> str:
    """Where digits come from, in the words of each source."""
    lines = []
    for name, source in SOURCES.items():
        first = inspect.cleandoc(source.__doc__ or "").split("\n\n")[0]
        in_one_line = " ".join(first.split())
        lines.append(f"| `{name}` | {in_one_line} |")
    table = "\n".join(["| source | what it is |\n|---|---|", *lines])
    how = "Draw one: `python -m suppression.show two_digits --source mnist5k`."
    return f"## Sources of digits\n\n{table}\n\n{how}\n"


def experiments_page(folder: Path) -> str:
    parts = [
        "# Experiments\n",
        GENERATED,
        "Measured beside published. Run one: `python -m suppression.exp NAME`.\n",
    ]
    for path in sorted(folder.glob("*.toml")):
        name, recipe = path.stem, load_recipe(str(path))
        parts += [f"## {recipe.title} (`{name}`)\n", f"{recipe.claim.strip()}\n"]
        if path.with_suffix(".md").exists():
            parts.append(
                "How the laptop scale was found, what failed, what is not shown: "
                f"[{name}.md]({name}.md).\n"
            )
        scales = [scale for scale in recipe.scale if (folder / f"{name}.{scale}.csv").exists()]
        for scale in scales:
            parts.append(recorded_section(folder, name, scale))
        if not scales:
            parts.append("No recorded result yet.\n")
    return "\n".join(parts)


def recorded(folder: Path, name: str, scale: str) -> tuple[Summary, list[Facts]]:
    """What a record shows, and how it was made."""
    plan = make_plan(str(folder / f"{name}.toml"), scale=scale)
    rows, made = read_record(folder, plan)
    return summarise(plan_of(plan, rows), rows), made


def how_made(made: Facts) -> str:
    """One sentence on the run that made a record."""
    libraries = [f"{library} {version}" for library, version in made["libraries"].items()]
    seconds = made["training_seconds"]
    peak = f"at most {made['peak_mb']:,} MB a worker; " if made.get("peak_mb") else ""
    return (
        f"`{made['command']}`, recorded {made['recorded']} on {made['machine']} "
        f"({made['device']}, {made['cores']} cores, {made['threads']} thread(s) a cell); "
        f"{made['cells']} cells, {seconds['sum'] / 60:.0f} minutes of training in all, "
        f"the longest cell {seconds['longest']:.0f} s; {peak}"
        f"precision {', '.join(made['precision'])}; {', '.join(libraries)}; "
        f"commit {', '.join(made['commits'])}."
    )


def recorded_section(folder: Path, name: str, scale: str) -> str:
    """One recorded result: the table, how it was made, the figure."""
    summary, made = recorded(folder, name, scale)
    parts = [f"### {scale} scale\n"]
    if summary.headline is not None and summary.headline.probe != "linear":
        parts += [f"{verdict(summary)}\n", headline_markdown(summary)]
    parts.append(markdown(summary))
    for page in (published_table(summary.plan), retention_markdown(summary)):
        if page:
            parts.append(page)
    parts.append(caption(summary).replace("\n", "  \n") + "\n")
    parts += [f"{how_made(run)}\n" for run in made]
    parts.append(f"![{name}, {scale} scale]({name}.{scale}.svg)\n")
    pictures = f"{name}.{scale}.pictures.png"
    if (folder / pictures).exists():
        parts.append(f"![pictures of {name}, {scale} scale]({pictures})\n")
    return "\n".join(parts)


def redraw(folder: Path) -> list[Path]:
    """Draw the figure of every record anew from its rows; the paths."""
    drawn = []
    for path in sorted(folder.glob("*.*.csv")):
        name, scale, _ = path.name.rsplit(".", 2)
        summary, _ = recorded(folder, name, scale)
        picture = path.with_suffix(".svg")
        replace(picture, saved(figure(summary), "svg"))
        drawn.append(picture)
    return drawn


def with_result(readme: str, folder: Path) -> str:
    """The README with the line of the claim at both recorded scales, and its marked numbers."""
    before, _, rest = readme.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    parts = []
    for scale in ("evening", "laptop"):
        if (folder / f"digit_size.{scale}.csv").exists():
            parts.append(result_section(*recorded(folder, "digit_size", scale)))
    found = "\n".join(parts)
    page = f"{before}{MARKS[0]}\n{found}{MARKS[1]}{after}"
    try:
        return filled(page, folder)
    except UserError as error:
        raise UserError(f"README.md, {error}") from error


def recipe_page(page: str, folder: Path, name: str) -> str:
    """A recipe's own page: its contrasts, and the numbers in it that are marked."""
    try:
        return filled(with_contrasts(page, folder, name), folder)
    except UserError as error:
        raise UserError(f"{folder / name}.md, {error}") from error


def with_contrasts(page: str, folder: Path, name: str) -> str:
    """A recipe's own page with its registered contrasts, at every recorded scale.

    They stand between their marks, which are added at the end where there are none.
    """
    parts = []
    for scale in load_recipe(str(folder / f"{name}.toml")).scale:
        if (folder / f"{name}.{scale}.csv").exists():
            summary, _ = recorded(folder, name, scale)
            if summary.plan.contrasts:
                parts.append(page_section(summary))
    if not parts:
        return page
    start, end = CONTRASTS
    if start not in page:
        page = f"{page.rstrip()}\n\n{start}\n{end}\n"
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    found = "\n".join(parts)
    return f"{before}{start}\n{found}{end}{after}"


def result_section(summary: Summary, runs: list[Facts]) -> str:
    """The claim's line of one record, where and when it was made, and its verdict."""
    machines: dict[str, None] = {}
    for run in runs:
        machines[f"{run['machine']} with {run['cores']} cores, {run['recorded']}"] = None
    row = summary.rows[0]
    head = (
        f"{summary.plan.scale.capitalize()} scale: {row['source']}, {row['canvas']}-px canvas, "
        f"first digit {row['size1']} px, seeds {seeds_text(summary)}; {interval_text(summary)}; "
        f"{' and '.join(machines)}."
    )
    return f"{head}\n\n{headline_markdown(summary)}\n{verdict(summary)}\n"
