"""The generated pages: datasets/README.md, an index and a page a record in experiments/, and the
README's result."""

from __future__ import annotations

import inspect
from pathlib import Path

from suppression.data import SOURCES
from suppression.errors import UserError
from suppression.experiment.machines import unlike_machines
from suppression.experiment.plan import make_plan
from suppression.experiment.spec import load_card, load_recipe
from suppression.reporting import leaderboard, leaderboard_text, screening
from suppression.reporting.claims import page_section
from suppression.reporting.figures import figure, number_of_seeds, saved
from suppression.reporting.quoted import filled
from suppression.reporting.records import Facts, flops_of, plan_of, read_record
from suppression.reporting.slide import slide
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
RECORD = ("<!-- record: written by `python -m suppression.report` -->", "<!-- /record -->")
SLIDES = "slides"  # their folder
SHOWN = {"h_vs_g": "rotation"}  # whose line a slide shows, where not the claim's own
ACROSS = 6  # experiments a row of the index
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


def experiments_pages(folder: Path) -> dict[Path, str]:
    """The index of experiments/, and of each experiment its own page with what was recorded."""
    pages = {}
    entries = []
    for path in sorted(folder.glob("*.toml")):
        name, recipe = path.stem, load_recipe(str(path))
        scales = [scale for scale in recipe.scale if (folder / f"{name}.{scale}.csv").exists()]
        parts = [f"## What was recorded\n\nThe claim: {recipe.claim.strip()}\n"]
        known, summaries = [], []
        for scale in scales:
            summary, made = recorded(folder, name, scale)
            parts.append(recorded_section(folder, summary, made))
            known.append(f"{scale}, {number_of_seeds(summary)}")
            summaries.append(summary)
        page = path.with_suffix(".md")
        slide_of = recipe.screens is None and slide_path(folder, name).exists()
        entries.append(entry(name, recipe.title, known, with_slide=slide_of))
        text = page.read_text(encoding="utf-8") if page.exists() else f"# {recipe.title}\n"
        if scales:
            text = with_contrasts(text, summaries)
            text = with_part(text, RECORD, "\n".join(parts))
        pages[page] = with_numbers(text, folder, page.name)
    pages[folder / "README.md"] = index(entries)
    return pages


def index(entries: list[str]) -> str:
    """One screen: some experiments a row, each with its slide."""
    parts = [
        "# Experiments\n",
        GENERATED,
        "Each has a page with its table, its figure, and what they do not show; behind each "
        "picture is a slide of 1280 x 720. Run one: `python -m suppression.exp NAME`.\n",
        "|   " * ACROSS + "|",
        "|---" * ACROSS + "|",
    ]
    for first in range(0, len(entries), ACROSS):
        parts.append(f"| {' | '.join(entries[first : first + ACROSS])} |")
    return "\n".join([*parts, ""])


def entry(name: str, title: str, known: list[str], *, with_slide: bool) -> str:
    """An experiment's cell of the index."""
    told = "; ".join(known) or "not recorded"
    words = f"[{name}]({name}.md)<br>{title}; {told}"
    if not with_slide:
        return words
    source = f"{SLIDES}/{name}.svg"
    return f"[![{title}]({source})]({source})<br>{words}"


def with_part(page: str, marks: tuple[str, str], part: str) -> str:
    """A page with what is generated between its marks, or, where it has none, at its end."""
    if marks[0] not in page:
        page = f"{page.rstrip()}\n\n{marks[0]}\n{marks[1]}\n"
    before, _, rest = page.partition(marks[0])
    _, _, after = rest.partition(marks[1])
    return f"{before}{marks[0]}\n{part}{marks[1]}{after}"


def recorded(folder: Path, name: str, scale: str) -> tuple[Summary, list[Facts]]:
    """What a record shows, and how it was made."""
    plan = make_plan(str(folder / f"{name}.toml"), scale=scale)
    rows, made = read_record(folder, plan)
    return summarise(plan_of(plan, rows), rows, flops=flops_of(made)), made


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


def recorded_section(folder: Path, summary: Summary, made: list[Facts]) -> str:
    """One recorded result: the figure, the table, how it was made."""
    name, scale = summary.plan.name, summary.plan.scale
    parts = [f"### {scale} scale\n", f"![{name}, {scale} scale]({name}.{scale}.svg)\n"]
    pictures = f"{name}.{scale}.pictures.png"
    if (folder / pictures).exists():
        parts.append(f"![pictures of {name}, {scale} scale]({pictures})\n")
    if summary.headline is not None and summary.headline.probe != "linear":
        parts += [f"{verdict(summary)}\n", headline_markdown(summary)]
    if summary.plan.baselines:
        parts.append(leaderboard_text.markdown(leaderboard.leaderboard(summary)))
    if summary.plan.recipe.screens:
        parts.append(f"{screening.text(summary)}\n")
    parts.append(markdown(summary))
    for page in (published_table(summary.plan), retention_markdown(summary)):
        if page:
            parts.append(page)
    parts.append(caption(summary).replace("\n", "  \n") + "\n")
    parts += [f"{how_made(run)}\n" for run in made]
    unlike = unlike_machines(made)
    if unlike is not None:
        parts.append(f"{unlike}\n")
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


def slide_path(folder: Path, name: str) -> Path:
    return folder / SLIDES / f"{name}.svg"


def draw_slides(folder: Path) -> list[Path]:
    """Draw a slide of every recipe with a record; the paths.

    That of the laptop scale where there is one. A screening has none: it has too many rows.
    """
    drawn = []
    for path in sorted(folder.glob("*.toml")):
        name, recipe = path.stem, load_recipe(str(path))
        there = [scale for scale in recipe.scale if (folder / f"{name}.{scale}.csv").exists()]
        if not there or recipe.screens is not None:
            continue
        summary, _ = recorded(folder, name, "laptop" if "laptop" in there else there[0])
        picture = slide_path(folder, name)
        picture.parent.mkdir(exist_ok=True)
        replace(picture, saved(slide(summary, feature=SHOWN.get(name)), "svg"))
        drawn.append(picture)
    return drawn


def with_result(readme: str, folder: Path) -> str:
    """The README with the line of the claim at both recorded scales, and its marked numbers."""
    parts = []
    for scale in ("evening", "laptop"):
        if (folder / f"digit_size.{scale}.csv").exists():
            parts.append(result_section(*recorded(folder, "digit_size", scale)))
    return with_numbers(with_part(readme, MARKS, "\n".join(parts)), folder, "README.md")


def with_contrasts(page: str, summaries: list[Summary]) -> str:
    """A recipe's own page with its registered contrasts, at every recorded scale."""
    parts = []
    for summary in summaries:
        if summary.plan.contrasts:
            parts.append(page_section(summary))
    if not parts:
        return page
    return with_part(page, CONTRASTS, "\n".join(parts))


def with_numbers(page: str, folder: Path, name: str) -> str:
    """A page whose marked numbers are those of the records.

    Raises:
        UserError: a mark that no record answers, with the page's name.
    """
    try:
        return filled(page, folder)
    except UserError as error:
        raise UserError(f"{name}, {error}") from error


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
