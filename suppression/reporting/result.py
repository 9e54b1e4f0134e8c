"""The result of a run: its rows, and every way to look at them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suppression import places
from suppression.errors import UserError, unknown
from suppression.experiment.plan import Plan
from suppression.experiment.rows import Row, long_rows, select
from suppression.experiment.run import Run
from suppression.metrics.units import without_units
from suppression.reporting import claims, leaderboard, leaderboard_text, records, tables, verdict
from suppression.reporting.summary import Summary, summarise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = ("page", "slide")


@dataclass(frozen=True)
class Result:
    """What an experiment ended in.

    It prints as its table and verdict; in a notebook it shows the figure, too.

    Args:
        plan: The cells that were asked for.
        answers: Each cell's rows, with the cell.
        beside: Those of the recipe's other arms that were stored already; they are shown, but are
            not part of `rows`.
        failed: Why cells failed, by their names.
        failed_cells: These cells.
        figure_path: Where the store keeps the figure.
        made: How it was made, a dict a run: command, date, machine, versions, seconds.

    Example:
        >>> import suppression as sup
        >>> result = sup.run("digit_size", scale="smoke", tau=0.2)  # doctest: +SKIP
        >>> print(result.verdict())  # doctest: +SKIP
    """

    plan: Plan
    answers: list[tuple[Run, list[Row]]]
    beside: list[tuple[Run, list[Row]]] = field(default_factory=list)
    failed: Mapping[str, str] = field(default_factory=dict)
    failed_cells: list[Run] = field(default_factory=list)
    figure_path: Path | None = None
    made: list[dict[str, Any]] = field(default_factory=list)

    @cached_property
    def rows(self) -> list[Row]:
        """Long-form rows: one a feature, scenes, probe, layer and cell, with all parameters.

        `arm` is the line of the table that a row belongs to.
        """
        return [without_units(row) for row in self.own_rows]

    @cached_property
    def own_rows(self) -> list[Row]:
        """`rows` with the correctness that intervals are made of (`units`), where it was kept."""
        return long_rows(self.plan, self.answers)

    @cached_property
    def shown_rows(self) -> list[Row]:
        """`own_rows`, and those of the recipe's other arms that were stored already."""
        return [*self.own_rows, *long_rows(self.plan, self.beside)]

    @cached_property
    def summary(self) -> Summary:
        """The points that table and figure show."""
        flops = records.flops_of(self.made)
        return summarise(self.plan, self.shown_rows, self.failed_cells, flops)

    def table(self, *, width: int = 80, intervals: bool = False) -> str:
        """The table as text; of a recipe with a leaderboard it is that.

        Args:
            width: Columns that it may take; a leaderboard takes 80.
            intervals: Whether the bounds of 95 % intervals are shown in place of +-.
        """
        if self.plan.baselines:
            return leaderboard_text.terminal(self.board)
        return tables.terminal_table(self.summary, width=width, intervals=intervals)

    def verdict(self) -> str:
        """What was found, in one or two sentences made by the rules of `reporting.verdict`."""
        return verdict.verdict(self.summary)

    def contrasts(self) -> list[dict[str, Any]]:
        """The contrasts that the recipe registers: a dict each, with its word.

        `word` is `higher`, `lower`, `no difference` (within +-`margin`) or `cannot tell`, of `a`
        against `b`, by the rule of `metrics.contrasts`; `difference`, `low`, `high` and `margin`
        are in the unit of the table. Contrasts that were not measured have no `seeds`.

        Example:
            >>> import suppression as sup
            >>> contrast = sup.record("digit_size").contrasts()[0]  # doctest: +SKIP
            >>> contrast["name"], contrast["word"], contrast["seeds"]  # doctest: +SKIP
        """
        return claims.rows(self.summary)

    @cached_property
    def board(self) -> leaderboard.Leaderboard:
        """The leaderboard; a run that changes nothing for all arms has recorded entries beside."""
        if not self.plan.baselines:
            raise UserError(
                f"{self.plan.name} has no leaderboard: its recipe has no [board]; remedies has one"
            )
        own = leaderboard.leaderboard(self.summary)
        recorded = None if self.plan.pinned else records.recorded_summary(self.plan)
        if recorded is None:
            return own
        return leaderboard.joined(own, leaderboard.leaderboard(recorded))

    def leaderboard(self) -> list[dict[str, Any]]:
        """The entries of the recipe's leaderboard, the greatest gain first: a dict each.

        `gain`, `low` and `high` are points of the victim's accuracy against the arm's baseline,
        paired by seed; `word` is that of `metrics.contrasts`; `theirs` says that the recipe does
        not have the arm.

        Raises:
            UserError: if the recipe has no board.
        """
        return leaderboard_text.rows(self.board)

    def caption(self) -> str:
        """What a reader of the table must know: scale, seeds, intervals, readout, guessing."""
        return tables.caption(self.summary)

    def plot(
        self, *, style: str = "page", feature: str | None = None, title: str | None = None
    ) -> Figure:
        """The figure, a matplotlib one.

        Args:
            style: `page`, all panels; or `slide`, one message and one panel of 1280 x 720 px.
            feature: Whose line a slide shows; the claim's own if None.
            title: The message of a slide; made from the numbers if None.

        Raises:
            UserError: if no cell was measured, or there is no such style or feature.

        Example:
            >>> import suppression as sup
            >>> drawn = sup.record("digit_size").plot(style="slide")
            >>> drawn.get_size_inches().tolist(), drawn.dpi
            ([12.8, 7.2], 100)
        """
        from suppression.reporting.figures import figure
        from suppression.reporting.slide import slide

        if style not in STYLES:
            raise unknown("there is no style", style, STYLES)
        if not self.shown_rows:
            raise UserError(f"there is nothing to draw: {self._failed_text() or 'no rows'}")
        if style == "slide":
            return slide(self.summary, feature=feature, title=title)
        if feature is not None or title is not None:
            raise UserError('feature and title are of a slide: give style="slide"')
        return figure(self.summary)

    def report(self, path: Path | str) -> Path:
        """Write the report: one page that needs no network and reads without JavaScript, too.

        It has the verdict, the registered contrasts, a figure that answers to the pointer and the
        keyboard, the table, what it does not show, how it was made, and the recipe.

        Args:
            path: The page, which ends in .html; one that is there is replaced.

        Returns:
            Its path.

        Raises:
            UserError: if it cannot be written.

        Example:
            >>> import suppression as sup
            >>> sup.record("digit_size").report("digit_size.html")  # doctest: +SKIP
        """
        from suppression.reporting.page import report_page, write_page

        out = places.named(path)
        page = report_page(self.summary, of_what=self.how(), failed=self.failed, made=self.made)
        write_page("report", out, page)
        return out

    def select(self, **wanted: Any) -> list[Row]:
        """The rows that have these values, e.g. `select(feature="first", scenes="alone")`."""
        return select(self.rows, **wanted)

    def to_pandas(self) -> Any:
        """The rows as a DataFrame.

        Raises:
            UserError: if pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise UserError("to_pandas needs pandas: pip install pandas") from error
        return pandas.DataFrame(self.rows)

    @property
    def title(self) -> str:
        """Of what it is the result, and of how much."""
        return f"{self.plan.recipe.title}, {self.plan.scale} scale: {self.how()}"

    def how(self) -> str:
        """Of how many networks, or cells, it is."""
        return f"{len(self.answers)} cells"

    def _failed_text(self) -> str:
        lines = [f"failed: {name}: {why.splitlines()[0]}" for name, why in self.failed.items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        parts = [self.title, self.table(), self.verdict(), self._failed_text()]
        return "\n\n".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        from suppression.reporting.figures import saved

        picture = saved(self.plot(), "svg").decode() if self.shown_rows else ""
        picture = picture[picture.find("<svg") :]
        failed = html.escape(self._failed_text())
        return (
            f"<h4>{html.escape(self.title)}</h4>"
            f"<p>{html.escape(self.verdict())}</p>"
            f"<pre>{html.escape(self.table(width=100))}</pre>"
            f"{f'<pre>{failed}</pre>' if failed else ''}"
            f"<div>{picture}</div>"
        )


@dataclass(frozen=True, repr=False)
class Recorded(Result):
    """A result that ships with the package: `suppression.record` hands it out, nothing is trained.

    Args:
        recorded: The record's rows.
    """

    recorded: list[Row] = field(default_factory=list)

    @cached_property
    def own_rows(self) -> list[Row]:
        return self.recorded

    @property
    def shown_rows(self) -> list[Row]:
        return self.recorded

    @cached_property
    def board(self) -> leaderboard.Leaderboard:
        """The leaderboard as it is recorded."""
        return leaderboard.leaderboard(self.summary)

    def how(self) -> str:
        """Of how many networks, on which machines, when."""
        cells = {row["encoder"] for row in self.recorded}
        days = sorted({run["recorded"] for run in self.made})
        machines = list(dict.fromkeys(run["machine"] for run in self.made))
        return f"{len(cells)} networks, recorded {' and '.join(days)} on {' and '.join(machines)}"
