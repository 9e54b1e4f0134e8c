"""Pages of audits: one to hand on, and the one of all records."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from suppression.auditing import records
from suppression.auditing.asking import ENCODER
from suppression.auditing.result import CLAIM, LEFT, Audit, accuracy_text, left_text
from suppression.auditing.words import blocks, caption_lines, claim, header, place_text, verdict
from suppression.reporting.figures import saved
from suppression.reporting.page import data_uri, page_of, provenance
from suppression.reporting.tables import as_markdown

ASKED = (
    "What is read of each feature where it alone is visible, and where something else is visible, "
    "too? The encoder is frozen and proven unmoved; only readouts are fitted. Beside it stand the "
    "same network with random weights, and the pictures themselves."
)
LIMITS = (
    CLAIM,
    "It is one network and one draw of scenes: nothing is said of another training of it.",
    "A readout that finds a feature no longer does not say that the network holds nothing of it: "
    "other readouts and more labels stand beside it where they were asked.",
    "Scenes are drawn, not photographed, and resized to what the network takes.",
)


def audit_page(audit: Audit) -> str:
    """An audit as one page for a browser."""
    tables = []
    for title, lines in blocks(audit):
        tables.append({"title": title, "header": ["read, %", *header(audit)], "body": lines})
    drawn = data_uri(saved(audit.plot(), "svg"), "image/svg+xml")
    made = {"recorded": audit.made.get("date"), **audit.made}
    return page_of(
        "report.html",
        ("chart.js", "report.js"),
        title=f"Audit of {audit.title}",
        of_what=f"{audit.data}; {audit.preprocessing}",
        verdict=verdict(audit),
        claim=ASKED,
        failed=[],
        contrasts=[],
        chart={"readings": []},
        figure=drawn,
        figure_text=f"What {audit.title} reads alone and together; the table has the numbers.",
        tables=[{**each, "left": 1} for each in tables],
        caption=caption_lines(audit),
        limits=LIMITS,
        runs=[provenance(made)],
        sources=[],
        version=metadata.version("suppression"),
    )


TOP = """# Audits of encoders that others trained

{asked}

`python -m suppression.audit ENCODER DATA` asks any encoder (timm, torchvision, transformers, a
checkpoint of lightly, a function of a file); `suppression.audit(encoder, data)` does so in Python.
This page is written by `python -m suppression.report` from the records beside it.
"""


FLOOR = "floor: the better of random weights and raw pixels, in percent as all others.\n"


def audits_page(folder: Path) -> str:
    """The page of all records in a folder, as Markdown."""
    found = {path.stem: records.read(path) for path in sorted(folder.glob("*.json"))}
    parts = [TOP.format(asked=ASKED), overview(found.values()), FLOOR]
    for name, audit in found.items():
        parts.append(section(audit, name))
    limits = "\n".join(f"- {each}" for each in LIMITS)
    parts.append(f"## What this does not show\n\n{limits}\n")
    return "\n".join(parts)


def overview(audits: Iterable[Audit]) -> str:
    """A line a feature: what the encoder reads, and what the higher floor does; the last place."""
    body = []
    for audit in audits:
        at = audit.places[-1]
        data = audit.data.partition(",")[0]
        for feature in audit.features:
            network = next(each for each in audit.networks if each[0] == ENCODER)
            cells = [f"{data}, {place_text(at, feature)}"]
            for column in ("alone", "together"):
                cells.append(accuracy_text(audit.row(at, feature, network, column)))
                floors = []
                for other in audit.networks:
                    row = audit.row(at, feature, other, column)
                    if other[0] != ENCODER and row is not None:
                        floors.append(row)
                highest = max(floors, key=lambda row: row["accuracy"], default=None)
                cells.append(accuracy_text(highest))
            cells.append(left_text(audit.left(at, feature, network)))
            body.append([audit.title, *cells])
    header = ["encoder", "data", "alone", "floor", "together", "floor", LEFT]
    return as_markdown(header, body, left=2)


def section(audit: Audit, name: str) -> str:
    """One record: words, figure, table, caption, and how it was made."""
    body = []
    for title, lines in blocks(audit):
        first, *others = lines
        body.append([f"**{title}** {first[0]}", *first[1:]])
        body += others
    table = as_markdown(["read, %", *header(audit)], body, left=1)
    told = "\n".join(f"- {line}" for line in caption_lines(audit))
    words = verdict(audit).removesuffix(claim(audit)).strip()
    made = audit.made
    how = (
        f"`{made.get('command', '')}`, {made.get('date')}, {made.get('machine')} with "
        f"{made.get('cores')} cores."
    )
    return (
        f"## {audit.title}: {audit.data}\n\n{words}\n\n![alone and together]({name}.svg)\n\n"
        f"{table}\n{told}\n\n{how}\n"
    )
