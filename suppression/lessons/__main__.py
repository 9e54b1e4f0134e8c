"""Get ready for a class: `python -m suppression.lessons prepare`.

It trains what lessons show live, so that they answer at once and without a network, and copies the
notebooks to a folder of the class's own. Exit codes are those of `suppression.exp`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from suppression import places
from suppression.door import Parser, door
from suppression.errors import UserError
from suppression.experiment import files

STOPPED = "stopped; what was finished is in the store, and the same command goes on from there"
NOTEBOOKS = files.HERE.parent / "notebooks"
OWN = "my_lessons"  # git ignores it


def options() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m suppression.lessons", description=__doc__, allow_abbrev=False)
    parser.add_argument("what", choices=["list", "prepare"], nargs="?", default="list")
    parser.add_argument("--dry", action="store_true", help="tell the minutes, train nothing")
    parser.add_argument("--store", type=places.store, metavar="DIR", help="where cells are kept")
    parser.add_argument("--to", type=places.folder, metavar="DIR", help=f"default: {OWN}")
    return parser


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    return door(lambda: command(words), stopped=STOPPED)


def command(argv: list[str]) -> int:
    given = options().parse_args(argv)
    if given.what == "list":
        for path in lessons():
            print(f"{path.stem:28} {title_of(path)}")
        return 0
    store = None if given.store is None else places.named(given.store)
    prepare(store, dry=given.dry)
    if not given.dry:
        copy(places.named(given.to or OWN))
    return 0


def lessons() -> list[Path]:
    """The notebooks, in their order.

    Raises:
        UserError: if the package was installed without them.
    """
    found = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    if not found:
        raise UserError("there are no notebooks beside this package: they are in its repository")
    return found


def title_of(path: Path) -> str:
    """A lesson's first heading."""
    for line in path.with_suffix(".py").read_text(encoding="utf-8").splitlines():
        if line.startswith("# # "):
            return line.removeprefix("# # ")
    return ""


def prepare(store: Path | None, *, dry: bool) -> None:
    """Train what is missing of the experiments that lessons show live, and tell the minutes."""
    from suppression import running
    from suppression.execution.context import Context
    from suppression.execution.environment import pick_device
    from suppression.execution.estimate import expected_seconds
    from suppression.execution.executor import how_many
    from suppression.execution.store import Store
    from suppression.experiment.plan import make_plan
    from suppression.lessons.reading import LIVE

    device = pick_device("auto")
    for name in LIVE:
        planned = make_plan(name, scale="demo")
        context = Context(store=Store(store).root, device=device)
        work = running.work_of(planned, context)
        missing = [planned.cells[i] for i in work.missing]
        if not missing:
            print(f"{name}: is in the store")
            continue
        number, _ = how_many(None, device, len(missing))
        expected = expected_seconds(missing, planned.probe, context)
        minutes = sum(expected.seconds) / number / 60
        print(f"{name}: {len(missing)} networks, about {minutes:.1f} minutes on {device}")
        if not dry:
            running.carry_out(planned, context, work=work)


def copy(folder: Path) -> None:
    """Copy the notebooks to a folder of one's own; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = 0
    for path in lessons():
        own = folder / path.name
        if own.exists():
            kept += 1
        else:
            shutil.copyfile(path, own)
    stays = f" ({kept} were there, and stay as they are)" if kept else ""
    print(f"lessons: {folder}{stays}\nopen them: jupyter lab {folder}")


if __name__ == "__main__":
    sys.exit(main())
