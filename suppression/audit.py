"""`python -m suppression.audit timm:resnet18.a1_in1k digit_size`: what does an encoder read?

Any encoder is asked which features it holds, alone and beside something larger; nothing is trained
but the readouts. In Python `suppression.audit(encoder, "digit_size")` does the same. Exit codes:
0 done, 2 a mistake in what was asked, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from suppression import places
from suppression.door import Parser, door

if TYPE_CHECKING:
    from suppression.auditing.result import Audit
    from suppression.data import Scenes

PROG = "python -m suppression.audit"
EXAMPLE = """examples:
  python -m suppression.audit torchvision:resnet18@IMAGENET1K_V1 digit_size
  python -m suppression.audit timm:resnet18.a1_in1k digit_size --size 64 --at 18 36
  python -m suppression.audit hf:facebook/dinov2-small trifeature
  python -m suppression.audit lightly:resnet18@last.ckpt random_bits --raw
  python -m suppression.audit file:encoder.py:make two_digits --mean .5 --std .5 --size 64
  python -m suppression.audit saved:mine.safetensors two_digits --canvas 32 --size1 8 --size2 20
  python -m suppression.audit store:1f6b9c digits_on_photos"""


def options() -> argparse.ArgumentParser:
    parser = Parser(
        prog=PROG,
        description="Ask an encoder what it reads alone, and beside something larger.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("encoder", help="timm: torchvision: hf: lightly: file: saved: or store:, then its name")
    add("data", help="a recipe (all places of its axis), or a card")
    add("--scale", default="laptop", help="of the recipe (default: laptop)")
    add("--at", nargs="+", metavar="X", help="places of the recipe's axis")
    add("--source", help="where digits come from")
    add("--layers", nargs="+", default=[], metavar="L", help="submodules to read besides")
    add("--size", type=int, metavar="PX", help="side that pictures are resized to")
    add("--mean", type=float, nargs="+", default=[], metavar="M", help="one, or one a channel")
    add("--std", type=float, nargs="+", default=[], metavar="S", help="one, or one a channel")
    add("--raw", action="store_true", help="it takes pictures in [0, 1], not normalised")
    add("--tokens", type=int, metavar="N", help="tokens in front of those of patches")
    add("--train", type=int, default=2000, metavar="N", help="scenes readouts are fitted on (2000)")
    add("--test", type=int, default=1000, metavar="N", help="held-out scenes (1000)")
    add("--mlp", type=int, default=128, metavar="N", help="hidden units of a control; 0: none")
    add("--more-labels", type=int, metavar="N", help="a control with so many labels")
    add("--seed", type=int, default=0, help="of the scenes, and of random weights")
    add("--batch", type=int, default=50, metavar="N", help="pictures at a time (50)")
    add("--device", default="auto", help="auto (cuda, else mps, else cpu), cpu, cuda, mps")
    add("--json", action="store_true", help="print rows, one JSON object a line")
    add("--report", type=places.folder, metavar="FILE", help="also write a page: one .html file")
    add("--out", type=places.folder, metavar="DIR", help="also write a record: json, svg")
    add("--overwrite", action="store_true", help="replace the record that is in --out")
    add("--store", type=places.store, metavar="DIR", help="where answers are kept")
    add("--root", type=places.folder, metavar="DIR", help="where data sets lie")
    return parser


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    return door(
        lambda: command(words),
        stopped="stopped; what was answered is in the store: the same command goes on from there",
    )


def command(argv: list[str]) -> int:
    given = options().parse_args(argv)
    from suppression.auditing import records
    from suppression.auditing.audit import audit
    from suppression.errors import UserError
    from suppression.notes import tell
    from suppression.reporting.console import terminal_width
    from suppression.reporting.page import check_page
    from suppression.reporting.records import check_free, check_writable

    if given.report is not None:
        check_page("--report", places.named(given.report))
    out = None if given.out is None else places.named(given.out)
    if out is not None:
        check_writable(out)
    elif given.overwrite:
        raise UserError("--overwrite is of the record in --out DIR: give the folder")

    def before(title: str, data: str) -> None:
        if out is not None and not given.overwrite:
            check_free(out, records.name_of(title, data), grows=False)

    result = audit(
        given.encoder,
        given.data,
        scale=given.scale,
        at=given.at,
        source=given.source,
        layers=given.layers,
        size=given.size,
        mean=given.mean,
        std=given.std,
        raw=given.raw,
        tokens=given.tokens,
        train=given.train,
        test=given.test,
        mlp=given.mlp or None,
        more_labels=given.more_labels,
        seed=given.seed,
        batch=given.batch,
        device=given.device,
        store=given.store,
        root=given.root,
        note=tell,
        argv=argv,
        before=before,
    )
    if given.json:
        for row in result.rows:
            print(json.dumps(row))
    else:
        print(result.text(width=terminal_width()))
    if out is not None:
        path = records.write(result, out, overwrite=given.overwrite)
        print(f"recorded: {path}", file=sys.stderr)
    if given.report is not None:
        print(f"report: {result.report(given.report)}", file=sys.stderr)
    return 0


def record(name: str) -> Audit:
    """An audit that was recorded beforehand and comes with the package; nothing is asked anew.

    Args:
        name: ENCODER.DATA, as the files in audits/ are called.

    Raises:
        UserError: if there is none, with the nearest one, or it is not whole.

    Example:
        >>> import suppression as sup
        >>> sup.audit.record("efficientnet_lite0.digit_size").places[-1]
        'size2 36'
    """
    from suppression.auditing import records

    return records.record(name)


class Command(ModuleType):
    """This module: it is called as a function, too, so that neither of one name hides the other."""

    def __call__(
        self, encoder: Any, data: str | Scenes, *, at: Sequence[Any] | None = None, **options: Any
    ) -> Audit:
        from suppression.auditing.audit import audit

        return audit(encoder, data, at=at, **options)


sys.modules[__name__].__class__ = Command

if __name__ == "__main__":
    sys.exit(main())
