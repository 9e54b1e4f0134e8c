"""Pages of one file: a result's report, and what all such pages have in common.

A page asks for nothing from the network, which its own policy forbids besides. Text is escaped by
jinja2 wherever it stands; the one script that runs is named by its hash, so that no other does.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suppression.errors import UserError
from suppression.experiment import files
from suppression.experiment.machines import unlike_machines
from suppression.reporting import claims, retention, tables
from suppression.reporting.chart import chart_data
from suppression.reporting.summary import FEWEST_SEEDS, Summary
from suppression.reporting.verdict import verdict
from suppression.writing import replace

if TYPE_CHECKING:
    from suppression.experiment.plan import Plan

Facts = dict[str, Any]

ASSETS = Path(__file__).parent / "assets"
ENDINGS = (".html", ".htm")
LEFT = 3  # columns of the table that are words: arm, feature, scenes


# --- any page --------------------------------------------------------------------------------


def page_of(template: str, scripts: tuple[str, ...], **told: Any) -> str:
    """A page as one file.

    Args:
        template: Its file among the assets.
        scripts: The files of its script, in their order.
        **told: What the template shows; escaped.
    """
    from markupsafe import Markup

    script = "\n".join(asset(name) for name in scripts)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    own = {"style": Markup(asset("page.css")), "script": Markup(script), "policy": policy}
    return templates().get_template(template).render(**own, **told)


@cache
def asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def templates() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    return made


def data_uri(content: bytes, kind: str) -> str:
    """A file within a page, where scripts in it do not run."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def check_page(flag: str, path: Path) -> None:
    """UserError for a file that is no page, or that cannot be there.

    Args:
        flag: What named it.
        path: The file.
    """
    if path.is_dir():
        raise UserError(f"{flag} {path} is a folder: name a page in it, as {path / 'out.html'}")
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"{flag} {path}: its name has to end in .html")
    if not path.parent.is_dir():
        raise UserError(f"{flag} {path} cannot be written: there is no folder {path.parent}")


def write_page(flag: str, path: Path, page: str) -> None:
    """Write a page, in place of the one that is there.

    Raises:
        UserError: if it cannot be written; the old one then stays as it is.
    """
    check_page(flag, path)
    try:
        replace(path, page.encode())
    except OSError as error:
        raise UserError(f"{flag} {path} cannot be written: {error.strerror}") from error


# --- a result's ------------------------------------------------------------------------------


def report_page(
    summary: Summary, *, of_what: str, failed: Mapping[str, str], made: list[Facts]
) -> str:
    """The report of a result.

    Args:
        summary: Its points.
        of_what: Of how much it is, and of when.
        failed: Why cells failed, by their names.
        made: How it was made, a dict a run.
    """
    plan = summary.plan
    figure, figure_text = whole_figure(summary)
    return page_of(
        "report.html",
        ("chart.js", "report.js"),
        title=f"{plan.recipe.title}, {plan.scale} scale",
        of_what=of_what,
        verdict=verdict(summary),
        claim=" ".join(plan.recipe.claim.split()),
        failed=[(name, why.splitlines()[0] if why else "") for name, why in failed.items()],
        contrasts=[contrast_words(summary, claim) for claim in claims.claims(summary)],
        chart=chart_data(summary),
        figure=figure,
        figure_text=figure_text,
        tables=shown_tables(summary),
        caption=caption_lines(summary),
        limits=[*limits(summary), *filter(None, [unlike_machines(made)])],
        runs=[provenance(run) for run in made],
        sources=source_texts(plan),
        version=metadata.version("suppression"),
    )


def whole_figure(summary: Summary) -> tuple[str, str]:
    """The figure with all panels, and what it shows in words; empty where nothing was measured."""
    from suppression.reporting.figures import figure, saved

    if not summary.rows:
        return "", ""
    drawn = saved(figure(summary), "svg")
    text = f"All panels of {summary.plan.recipe.title}; the table below has their numbers."
    return data_uri(drawn, "image/svg+xml"), text


def contrast_words(summary: Summary, claim: claims.Claim) -> Facts:
    found = claim.found
    difference = ""
    if claim.seeds:
        difference = f"{claims.tenths(found.mean)} {claims.unit(claim)}"
        if claim.seeds >= FEWEST_SEEDS:
            difference += f" [{claims.tenths(found.low)}, {claims.tenths(found.high)}]"
    word: str = claim.word if claim.seeds else "not measured"
    if word == "no difference":
        word += f" within ±{found.margin:g}"
    return {
        "word": word,
        "name": claim.name,
        "difference": difference,
        "p": claims.p_text(found.p_holm) if claim.seeds else "",
        "seeds": claim.seeds,
        "readings": claims.readings(summary, claim),
    }


def shown_tables(summary: Summary) -> list[Facts]:
    """The line of the claim, the whole table, and what is left of features."""
    found = []
    places = [tables.column_title(summary.plan, x) for x in summary.plan.axis]
    if summary.headline is not None:
        block = tables.headline_block(summary, summary.headline, summary.arms, intervals=True)
        header = ["arm", *places]
        body = [[name.strip(), *values] for name, values in block]
        title = f"The line of the claim: {tables.headline_text(summary, summary.headline)}"
        found.append({"title": title, "header": header, "body": body, "left": 1})
    header, body = ["arm", "feature", "scenes", *places], []
    for arm in tables.terminal_arms(summary):
        feature = ""
        for _, named, scenes, *values in tables.arm_block(summary, arm, summary.lines):
            feature = named or feature  # each line is whole, also to those who hear it
            body.append([arm.label, feature, scenes, *values])
    title = f"All readings, {tables.measure_text(summary)}"
    found.append({"title": title, "header": header, "body": body, "left": LEFT})
    for title, header, body in retention.tables(summary):
        title = f"{title[0].upper()}{title[1:]}"
        found.append({"title": title, "header": header, "body": body, "left": 1})
    return found


def caption_lines(summary: Summary) -> list[str]:
    lines = [*tables.retention_text(summary), tables.caption(summary)]
    return [*"\n".join(lines).splitlines(), tables.not_asked_text(summary)]


def limits(summary: Summary) -> list[str]:
    """What the numbers do not say, by fixed rules."""
    plan, told = summary.plan, claims.claims(summary)
    made = [
        f"It is of the {plan.scale} scale: one length of training, one size of network and data. "
        "Nothing is said of others, nor of the published setting.",
        "A readout that finds a feature no longer says that this readout does not find it, not "
        "that the network holds nothing of it.",
    ]
    fewest = min(summary.seeds_a_place, default=0)
    if fewest < FEWEST_SEEDS:
        made.append(
            f"Somewhere on the axis there are {fewest or 'no'} seeds: there no interval is over "
            "networks, and another seed may read another value."
        )
    if any(point.interval == "instances" for point in summary.points):
        made.append(
            f"Intervals marked {tables.OVER_INSTANCES} are over held-out instances alone: they say "
            "nothing of other seeds."
        )
    unsure = [claim.name for claim in told if claim.seeds and claim.word == "cannot tell"]
    if unsure:
        made.append(f"“Cannot tell” is not “equal”: {'; '.join(unsure)}.")
    missing = [claim.name for claim in told if not claim.seeds]
    if missing:
        made.append(f"Registered, and not measured here: {'; '.join(missing)}.")
    late = [claim.name for claim in told if claim.contrast.asked.after_the_record]
    if late:
        made.append(f"Registered after the numbers were known: {'; '.join(late)}.")
    others = tables.not_asked_text(summary)
    if others:
        made.append(f"{others[0].upper()}{others[1:]}.")
    if summary.failed:
        made.append(f"{len(summary.failed)} cells failed: what they would have read is not known.")
    return made


NAMES = {
    "command": "command",
    "recorded": "date",
    "cells": "networks",
    "failed": "failed",
    "seeds": "seeds",
    "pins": "pinned",
    "training_seconds": "training, s",
    "peak_mb": "memory of a worker, MB",
    "precision": "precision",
    "device": "device",
    "machine": "machine",
    "cores": "cores",
    "threads": "threads a network",
    "python": "Python",
    "libraries": "libraries",
    "sources": "fingerprints of sources",
    "commits": "commits",
    "sha256": "sha256",
}


def provenance(run: Facts) -> list[tuple[str, str]]:
    """Names and values of how a run was made; what is empty is left out."""
    made = []
    for key, name in NAMES.items():
        if run.get(key) not in (None, {}, []):
            made.append((name, in_words(run[key])))
    return made


def in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {in_words(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(in_words(each) for each in value)
    return str(value)


def source_texts(plan: Plan) -> list[tuple[str, str]]:
    """Recipe and card as they stand in their files, if these are still there."""
    found = []
    for what, shelf, name in (
        ("Recipe", "experiments", plan.name_or_path),
        ("Card of the data set", "datasets", plan.recipe.data),
    ):
        try:
            path = files.find(shelf, name)
            found.append((f"{what}: {path.name}", path.read_text(encoding="utf-8-sig")))
        except (OSError, UserError):
            continue
    return found
