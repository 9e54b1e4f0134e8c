"""`python -m suppression.report` draws the recorded figures anew and writes the generated pages."""

from __future__ import annotations

import sys

from suppression.door import door
from suppression.errors import UserError
from suppression.experiment.files import HERE
from suppression.writing import replace


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    return door(lambda: command(words))


def command(argv: list[str]) -> int:
    if argv:
        raise UserError(
            "python -m suppression.report takes no arguments; it draws the figures and writes the "
            "galleries of this checkout"
        )
    write_pages()
    return 0


def write_pages() -> None:
    """The figures of experiments/, the galleries, and what is generated in other pages."""
    from suppression.auditing import records
    from suppression.auditing.page import audits_page
    from suppression.reporting import gallery

    top = HERE.parent
    if not (top / "pyproject.toml").exists():
        raise UserError(
            "the galleries stand in a checkout of the project, and this is an installed package"
        )
    experiments, readme = top / "experiments", top / "README.md"
    audits = top / "audits"
    for folder, drawn in {
        experiments: [*gallery.redraw(experiments), *gallery.draw_slides(experiments)],
        audits: records.redraw(audits),
    }.items():
        print(f"drawn: {len(drawn)} figures in {folder}")
    pages = {
        top / "datasets" / "README.md": gallery.datasets_page(top / "datasets"),
        **gallery.experiments_pages(experiments),
        audits / "README.md": audits_page(audits),
    }
    if (experiments / "digit_size.laptop.csv").exists():
        pages[readme] = gallery.with_result(readme.read_text(encoding="utf-8"), experiments)
    for path, page in pages.items():
        replace(path, page.encode())
        print(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
