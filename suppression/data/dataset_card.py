"""What goes with an exported data set: a card as the Hugging Face hub reads it, and Croissant."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from suppression.data.sources.table_files import LABELS
from suppression.data.sources.terms import DRAWN, Terms, terms_of

HUB_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
SHOWN = 20  # classes that are named to people
MOST_ON_HUB = "100K<n<1M"
CARD = "README.md"


@dataclass(frozen=True)
class Described:
    """An exported data set, in the words of its card.

    Args:
        name: Its short name.
        title: Its title.
        text: What it is, in a few sentences.
        made: The command or call that makes it again.
        parts: The number of pictures of each part.
        sizes: How large the files of each part are together, bytes; filled in as it is written.
        classes: The names of the classes of each feature.
        meanings: What each feature is, where that is known.
        columns: The other columns, each with what it is: int, float or str.
        sources: Where the instances come from, by name.
        side: Of a picture, px.
        remarks: What a reader has to know besides.
    """

    name: str
    title: str
    text: str
    made: str
    parts: dict[str, int]
    sizes: dict[str, int]
    classes: dict[str, tuple[str, ...]]
    meanings: dict[str, str]
    columns: dict[str, type]
    sources: Sequence[str]
    side: int
    remarks: Sequence[str] = field(default=())

    @property
    def terms(self) -> list[Terms]:
        return [terms_of(name) for name in self.sources]

    @property
    def licence(self) -> str:
        """One name for all sources: "other" where they differ or the scenes are drawn."""
        names = {each.licence for each in self.terms}
        return names.pop() if len(names) == 1 else "other"


def size_on_hub(n: int) -> str:
    for most, words in HUB_SIZES:
        if n < most:
            return words
    return MOST_ON_HUB


# --- the card --------------------------------------------------------------------------------


def card_text(about: Described) -> str:
    """README.md: a head in YAML, of which JSON is a part, then what a person reads."""
    head = {
        "pretty_name": about.title,
        "license": about.licence,
        "size_categories": [size_on_hub(sum(about.parts.values()))],
        "task_categories": ["image-classification"],
        "tags": ["synthetic", "feature-suppression", "croissant"],
        "configs": [{"config_name": "default", "data_files": data_files(about)}],
        "dataset_info": {"features": hub_features(about), "splits": hub_splits(about)},
    }
    lines = ["---", *[f"{key}: {as_json(value)}" for key, value in head.items()], "---", ""]
    lines += [f"# {about.title}", "", about.text.strip(), "", "## How it was made", ""]
    lines += ["```", about.made, "```", "", versions(), "", "## What is in it", ""]
    counts = ", ".join(f"{n:,} in {part}" for part, n in about.parts.items())
    lines += [
        f"PNG pictures of {about.side} x {about.side} px, {counts}. Both parts are drawn from "
        "instances of their own, of which none is in both.",
        "",
    ]
    for name, classes in about.classes.items():
        few = ", ".join([*classes[:SHOWN], *(["..."] if len(classes) > SHOWN else [])])
        what = about.meanings.get(name, "a feature")
        lines.append(f"- `{name}`: {what}; {len(classes)} classes ({few})")
    for name, kind in about.columns.items():
        lines.append(f"- `{name}`: {meaning(name, kind)}")
    for remark in about.remarks:
        lines += ["", remark]
    lines += ["", "## Licence", "", *licence_lines(about), "", "## Check", ""]
    lines += ["`sha256sum -c SHA256SUMS` verifies every file.", ""]
    return "\n".join(lines)


def licence_lines(about: Described) -> list[str]:
    if not about.sources:
        return [f"The pictures are {DRAWN}."]
    lines = []
    for name, each in zip(about.sources, about.terms, strict=True):
        lines.append(f"- `{name}`: {each.origin}. Licence: {each.words}.")
    return lines


def meaning(name: str, kind: type) -> str:
    if name == "unit":
        return "which instance carries the first feature; rows of one are one case to an interval"
    if kind is float:
        return "a number that was drawn"
    return "a whole number that was drawn"


def versions() -> str:
    libraries = [f"{name} {metadata.version(name)}" for name in ("suppression", "torch", "pillow")]
    return f"Made with {', '.join(libraries)}."


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def data_files(about: Described) -> list[dict[str, str]]:
    return [{"split": part, "path": f"{part}/**"} for part in about.parts]


def hub_features(about: Described) -> list[dict[str, str]]:
    """The columns as `datasets` reads them from a table, in its order."""
    found = [{"name": "image", "dtype": "image"}]
    for name, classes in about.classes.items():
        are_numbers = all(word.isdigit() for word in classes)
        found.append({"name": name, "dtype": "int64" if are_numbers else "string"})
    hub = {int: "int64", float: "float64", str: "string"}
    for name, kind in about.columns.items():
        found.append({"name": name, "dtype": hub[kind]})
    return found


def hub_splits(about: Described) -> list[dict[str, Any]]:
    found = []
    for part, n in about.parts.items():
        found.append({"name": part, "num_bytes": about.sizes[part], "num_examples": n})
    return found


# --- Croissant -------------------------------------------------------------------------------

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
CITE = "suppression: see and measure feature suppression in contrastive learning (software)"
TYPES = {int: "sc:Integer", float: "sc:Float", str: "sc:Text"}


def croissant_text(about: Described, sums: dict[str, str], metadata_name: str) -> str:
    """croissant.json: the files, and a record set a part.

    Args:
        about: The data set.
        sums: The sha256 of each part's table.
        metadata_name: What that table is called.
    """
    files, records = [], []
    for part in about.parts:
        table, pictures = f"{part}-table", f"{part}-pictures"
        files.append(
            {
                "@type": "cr:FileObject",
                "@id": table,
                "contentUrl": f"{part}/{metadata_name}",
                "encodingFormat": "text/csv",
                "sha256": sums[part],
            }
        )
        files.append(
            {
                "@type": "cr:FileSet",
                "@id": pictures,
                "encodingFormat": "image/png",
                "includes": f"{part}/*/*.png",
            }
        )
        records.append({"@type": "cr:RecordSet", "@id": part, "field": fields(about, part)})
    words = [f"{each.origin}: {each.words}" for each in about.terms] or [DRAWN]
    page = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": about.name,
        "description": about.text.strip() or about.title,
        "citeAs": CITE,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": "; ".join(words),
        "datePublished": datetime.date.today().isoformat(),
        "version": "1.0.0",
        "isBasedOn": about.made,
        "distribution": files,
        "recordSet": records,
    }
    return json.dumps(page, indent=1, ensure_ascii=False) + "\n"


def fields(about: Described, part: str) -> list[dict[str, Any]]:
    """The columns of a part, then its pictures, which are found by their names."""
    kinds: dict[str, Any] = {"file_name": TYPES[str]}
    for name in about.classes:
        kinds[name] = [TYPES[str], LABELS[0]]
    for name, kind in about.columns.items():
        kinds[name] = TYPES[kind]
    found = []
    for name, kind in kinds.items():
        source = {"fileObject": {"@id": f"{part}-table"}, "extract": {"column": name}}
        found.append(one_field(part, name, kind, source))
    pictures = {"fileSet": {"@id": f"{part}-pictures"}}
    # The table's name of a picture has its folder in front, which the file's own name has not.
    found[0]["source"]["transform"] = {"regex": r"(?:.*/)?([0-9]+\.png)$"}
    found[0]["references"] = {**pictures, "extract": {"fileProperty": "filename"}}
    content = {**pictures, "extract": {"fileProperty": "content"}}
    found.append(one_field(part, "image", "sc:ImageObject", content))
    return found


def one_field(part: str, name: str, kind: Any, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{part}/{name}",
        "name": name,
        "dataType": kind,
        "source": source,
    }
