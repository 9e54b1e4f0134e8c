"""The third door: `python -m suppression.report` draws the figures of what is recorded in experiments/, and writes the galleries, datasets/README.md and experiments/README.md."""

from __future__ import annotations

import sys

from suppression.errors import UserError
from suppression.experiment.files import HERE
from suppression.reporting.gallery import datasets_page, experiments_page, redraw, with_result


def main(argv: list[str] | None = None) -> int:
    if argv if argv is not None else sys.argv[1:]:
        print("error: python -m suppression.report takes no arguments; it draws the figures and writes the galleries of this checkout", file=sys.stderr)
        return 2
    top = HERE.parent
    try:
        if not (top / "pyproject.toml").exists():
            raise UserError("the galleries stand in a checkout of the project, and this is an installed package")
        print(f"drawn: {len(redraw(top / 'experiments'))} figures in {top / 'experiments'}")
        for name, page in (("datasets", datasets_page), ("experiments", experiments_page)):
            (top / name / "README.md").write_text(page(top / name), encoding="utf-8")
            print(f"written: {top / name / 'README.md'}")
        if (top / "experiments" / "digit_size.laptop.csv").exists():
            (top / "README.md").write_text(with_result((top / "README.md").read_text(encoding="utf-8"), top / "experiments"), encoding="utf-8")
            print(f"written: {top / 'README.md'}")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
