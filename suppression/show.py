"""`python -m suppression.show two_digits` draws a sheet of samples and prints the card."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suppression import places
from suppression.door import Parser, door, unknown_word
from suppression.errors import UserError
from suppression.experiment import files
from suppression.notes import tell
from suppression.writing import replace

if TYPE_CHECKING:
    from suppression.experiment.schema import Parameter
    from suppression.experiment.spec import Card

PROG = "python -m suppression.show"
ENDINGS = ("png", "jpg", "jpeg", "svg", "pdf")


def options() -> argparse.ArgumentParser:
    """The flags that every data set has."""
    parser = Parser(
        prog=PROG,
        usage=f"{PROG} [NAME] [--PARAMETER VALUE ...] [options]",
        description="Draw samples of a data set with both views of each, and print its card.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("name", nargs="?", help="a card's name, or the path of a card (.toml); none: the list")
    add(
        "--out",
        type=places.folder,
        metavar="FILE",
        help="the picture (default: NAME.png in this folder)",
    )
    add("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    add("--root", type=places.folder, metavar="DIR", help="where data sets lie")
    add("--download", action="store_true", help="fetch a data set that is not there")
    add(
        "--shared",
        action="store_true",
        help="tell how many bits of each factor both views share, before anything is trained",
    )
    add("--skip-bad", action="store_true", help="leave out files that are no pictures")
    add(
        "--export",
        type=places.folder,
        metavar="DIR",
        help="write pictures and their factors to a folder that datasets and from_table read",
    )
    add("--n", type=int, help="with --export: how many pictures in all (default: 10000)")
    add(
        "--overwrite",
        action="store_true",
        help="with --export: replace what an earlier export wrote there",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    return door(lambda: command(words))


def command(argv: list[str]) -> int:
    given, rest = options().parse_known_args(argv)
    if rest and argv[0].startswith("-"):  # the value of a flag would be taken for the name
        names = ", ".join(files.names("datasets"))
        raise UserError(f"name the data set first; there are: {names}")
    if given.name is None:
        for name in files.names("datasets"):
            title = files.read(files.find("datasets", name)).get("title", "")
            print(f"{name:20} {title}")
        return 0
    return show(given, rest)


def show(given: argparse.Namespace, rest: list[str]) -> int:
    """Everything that needs the data set's parameters; torch is imported here."""
    from suppression import plugins
    from suppression.experiment.schema import schema
    from suppression.experiment.spec import load_card

    plugins.load(tell)
    card = load_card(given.name)
    name = Path(given.name).stem
    check_export(given)
    known = {}
    for each in schema(card.kind).values():
        if each.group in ("dataset", "augmentation"):
            known[each.name] = each
    values = {each.name: each.default for each in known.values()}
    values.update(card.parameters)
    pinned = parsed(name, rest, known)
    values.update(pinned)
    if given.export is not None:
        return export(card, values, given, pinned)
    out = given.out or Path(f"{name}.png")
    check_picture(out)
    try:
        replace(out, picture(card, values, given, kind_of_picture(out)))
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from error
    print(card_text(card, values))
    print(f"picture: {out}")
    if given.shared:
        print(shared_text(card, values, given))
    return 0


def check_export(given: argparse.Namespace) -> None:
    """UserError for flags that do not go together."""
    if given.export is None and (given.n is not None or given.overwrite):
        raise UserError("--n and --overwrite go with --export DIR")
    if given.export is not None and (given.out is not None or given.skip_bad or given.shared):
        raise UserError("--export draws no sheet: give it without --out, --shared and --skip-bad")


def check_picture(out: Path) -> None:
    """UserError for a file that is no picture, or that cannot be there."""
    if out.is_dir():
        raise UserError(f"--out {out} is a folder: name a picture in it, as {out / 'sheet.png'}")
    if kind_of_picture(out) not in ENDINGS:
        raise UserError(f"--out {out}: its name has to end in .{', .'.join(ENDINGS)}")
    if not out.parent.is_dir():
        raise UserError(f"{out} cannot be written: there is no folder {out.parent}")


def kind_of_picture(out: Path) -> str:
    return out.suffix.lower().removeprefix(".")


def parsed(name: str, rest: list[str], known: dict[str, Parameter]) -> dict[str, Any]:
    """The parameters that are given; UserError for a flag that is not there."""
    from suppression.experiment.schema import coerce

    flags = Parser(prog=PROG, allow_abbrev=False, add_help=False)
    for each in known:
        spellings = dict.fromkeys([f"--{each}", f"--{each.replace('_', '-')}"])
        flags.add_argument(*spellings, dest=each)
    pinned, wrong = flags.parse_known_args(rest)
    if wrong:
        there = [*known, *vars(options().parse_args([]))]
        raise unknown_word(name, wrong[0], there)
    found = {}
    for each, value in vars(pinned).items():
        if value is not None:
            found[each] = coerce(known[each], value, "command line")
    return found


def export(
    card: Card, values: dict[str, Any], given: argparse.Namespace, pinned: dict[str, Any]
) -> int:
    """Write the data set to a folder, with a bar on stderr."""
    from suppression.data import DATASETS
    from suppression.data.export import export as write
    from suppression.execution.displays import display_for
    from suppression.experiment.run import part

    n = 10_000 if given.n is None else given.n
    done, total = 0, n

    def overall() -> tuple[float, str]:
        return done / total, f"{done:,} of {total:,} pictures"

    def progress(written: int, of: int) -> None:
        nonlocal done
        done = written
        display.tick()

    display = display_for(sys.stderr)
    display.begin(overall, title="pictures")
    try:
        folder = write(
            part(DATASETS[card.kind], values),
            places.named(given.export),
            n=n,
            seed=given.seed,
            source=values.get("source") or "digits",
            instances=values.get("instances"),
            overwrite=given.overwrite,
            root=given.root,
            download=given.download,
            title=card.title,
            text=card.text,
            meanings=card.features,
            made=command_of(given, pinned, n),
            progress=progress,
            note=tell,
        )
    finally:
        display.close()
    print(f"{n:,} pictures and their factors: {folder}")
    return 0


def command_of(given: argparse.Namespace, pinned: dict[str, Any], n: int) -> str:
    """The command that makes the same pictures, without this machine's folders."""
    words = [PROG, Path(given.name).stem]
    for name, value in pinned.items():
        several = value if isinstance(value, list | tuple) else [value]
        words += [f"--{name}", *[shlex.quote(str(each)) for each in several]]
    return " ".join([*words, f"--seed {given.seed} --n {n} --export DIR"])


def picture(card: Card, values: dict[str, Any], given: argparse.Namespace, kind: str) -> bytes:
    """The sheet, as the file's ending says."""
    from suppression.data import DATASETS, Augmentation
    from suppression.data.loader import first_instances, load_pool
    from suppression.data.sample import take_sample
    from suppression.experiment.run import part
    from suppression.reporting.cluster_figure import lighter
    from suppression.reporting.figures import saved
    from suppression.seeding import torch_rng

    scenes = part(DATASETS[card.kind], values)
    source, instances = values.get("source") or "digits", values.get("instances")
    pool = load_pool(
        scenes,
        source,
        root=given.root,
        download=given.download,
        skip_bad=given.skip_bad,
        note=lambda text: print(f"note: {text}", file=sys.stderr),
    )
    pool = first_instances(pool, instances, source)
    rng = torch_rng("show", given.seed)
    sample = take_sample(scenes, part(Augmentation, values), pool, 8, rng)
    content = saved(sample.show(card.title), kind)
    colour = scenes.channels - scenes.planes > 1
    return lighter(content) if colour and kind == "png" else content


def card_text(card: Card, values: dict[str, Any]) -> str:
    lines = [card.title, card.text.strip(), ""]
    for name, meaning in card.features.items():
        lines.append(f"feature {name}: {meaning}")
    if card.source:
        lines.append(f"published: {card.source}")
    settings = [f"{name}={value}" for name, value in values.items() if value is not None]
    return "\n".join([*lines, "", f"parameters: {', '.join(settings)}"])


def shared_text(card: Card, values: dict[str, Any], given: argparse.Namespace) -> str:
    """A line a factor: its bits, what survives the views, and what it leaves to be gained."""
    from suppression.data import DATASETS, Augmentation
    from suppression.evaluation.shared import shared_information
    from suppression.experiment.run import part
    from suppression.notes import tell

    rows = shared_information(
        part(DATASETS[card.kind], values),
        part(Augmentation, values),
        seed=given.seed,
        source=values.get("source") or "digits",
        root=given.root,
        note=tell,
    )
    lines = ["", "factor                 bits  survive (at least)  left for others"]
    for row in rows:
        lines.append(
            f"{row['factor']:20} {row['bits']:6.1f} {row['survive']:19.1f} {row['left']:15.0%}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
