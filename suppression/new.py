"""`python -m suppression.new remedy NAME` writes a remedy and its test, which passes; so others."""

from __future__ import annotations

import argparse
import keyword
import sys
from pathlib import Path

from suppression.door import Parser, door
from suppression.errors import UserError, unknown
from suppression.plugins import PLUGINS_VARIABLE, registry
from suppression.writing import replace_all

PROG = "python -m suppression.new"
TEMPLATES = Path(__file__).parent / "templates"

# What a first look at the new thing is.
LOOKS = {
    "remedy": "python -m suppression.exp digit_size --scale smoke --tau 0.2 --remedy none {name}",
    "method": "python -m suppression.exp digit_size --scale smoke --method simclr {name}",
    "probe": "python -m suppression.exp digit_size --scale smoke --tau 0.2 --{name} true",
    "dataset": "python -m suppression.show {name}.toml",
}


def options() -> argparse.ArgumentParser:
    parser = Parser(
        prog=PROG,
        usage=f"{PROG} KIND NAME [--out DIR]",
        description="Write a remedy, method, probe or dataset of your own and a test that passes.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("kind", help=f"one of {', '.join(LOOKS)}")
    add("name", help="what flags and recipes call it: lower_case, as a module")
    add("--out", type=Path, metavar="DIR", default=Path(), help="the folder (default: this one)")
    return parser


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    return door(lambda: command(words))


def command(argv: list[str]) -> int:
    given = options().parse_args(argv)
    check(given.kind, given.name, given.out)
    written = texts(given.kind, given.name)
    for name in written:
        if (given.out / name).exists():
            raise UserError(f"{given.out / name} is there already; choose another name, or --out")
    try:
        replace_all(given.out, {name: text.encode() for name, text in written.items()})
    except OSError as error:
        raise UserError(f"{given.out} cannot be written to: {error.strerror}") from error
    look = LOOKS[given.kind].format(name=given.name)
    for name in written:
        print(f"written: {given.out / name}")
    print(f"\ntest it:  cd {given.out} && python -m pytest test_{given.name}.py")
    use = f"cd {given.out} && {PLUGINS_VARIABLE}={given.name}.py"
    print(f"use it:   {use} {look}")
    if given.kind == "remedy":
        print(f"compare:  {use} python -m suppression.exp remedies --remedy {given.name}")
    return 0


def check(kind: str, name: str, out: Path) -> None:
    """UserError for a kind, a name or a folder that cannot be."""
    if kind not in LOOKS:
        raise unknown("there is nothing new of the kind", kind, LOOKS)
    if not (name.isidentifier() and name.isascii() and name == name.lower()):
        raise UserError(f"'{name}' is no name of a module: lower_case letters, digits and _")
    if keyword.iskeyword(name) or name in sys.stdlib_module_names or name == "suppression":
        raise UserError(f"'{name}' is a word of Python, or a module of its own; choose another")
    if name in registry(kind):
        raise UserError(f"there is a {kind} '{name}' already; choose another name")
    if not out.is_dir():
        raise UserError(f"there is no folder {out}")


def texts(kind: str, name: str) -> dict[str, str]:
    """The new files by name, of the templates of this kind.

    >>> list(texts("remedy", "my_cure"))
    ['my_cure.py', 'test_my_cure.py']
    >>> "class MyCure(Remedy):" in texts("remedy", "my_cure")["my_cure.py"]
    True
    """
    words = {"@name@": name, "@Class@": "".join(part.capitalize() for part in name.split("_"))}
    found = {}
    for template in sorted(TEMPLATES.glob(f"*{kind}.*.txt")):
        text = template.read_text()
        for word, instead in words.items():
            text = text.replace(word, instead)
        found[template.name.removesuffix(".txt").replace(kind, name)] = text
    return found


if __name__ == "__main__":
    sys.exit(main())
