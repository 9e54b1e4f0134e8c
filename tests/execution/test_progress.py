"""What a run tells while it works, against a clock that the test moves."""

from __future__ import annotations

import io
import re
import sys
import time
import types

import pytest
from rich.console import Console
from rich.text import Text

from suppression.execution import displays, fitting, progress
from suppression.execution.context import Context
from suppression.execution.displays import Display, Notebook, Terminal, cropped, display_for
from suppression.execution.progress import Progress
from suppression.experiment.plan import make_plan
from suppression.reporting.console import live_table

SECONDS = {"simclr": 10.0, "cpc": 40.0}


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is told; `clock[0]` is the time in seconds."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def bar(clock, tmp_path):
    """Of six cells of each method."""
    pins = {"method": list(SECONDS), "tau": [0.2]}
    plan = make_plan("random_bits", scale="smoke", seeds=3, pins=pins)
    return Progress(plan, {}, list(range(len(plan.cells))), Context(store=tmp_path), [])


def minutes(bar):
    return float(bar.left().split()[1])


def index(bar, method, number):
    return [i for i, cell in enumerate(bar.cells) if cell.method == method][number]


def run(bar, clock, i):
    bar.hear(i, ("start",))
    clock[0] += SECONDS[bar.cells[i].method]
    bar.hear(i, ("done", []))


def test_nothing_is_told_before_the_pace_is_known(bar):
    assert bar.left() == "time left not known yet"


def test_a_slow_method_is_expected_at_its_own_pace_however_many_quick_cells_came_before(bar, clock):
    run(bar, clock, index(bar, "cpc", 0))
    for number in range(4):
        run(bar, clock, index(bar, "simclr", number))
    assert minutes(bar) == pytest.approx((2 * 10 + 5 * 40) / 60, abs=0.051)


def test_a_method_that_was_not_seen_yet_is_expected_at_the_pace_of_the_others(bar, clock):
    for number in range(3):
        run(bar, clock, index(bar, "simclr", number))
    assert minutes(bar) == pytest.approx((3 + 6) * 10 / 60, abs=0.051)


def test_two_side_by_side_take_half_the_time_but_for_the_last_one(bar, clock):
    for number in range(5):
        pair = [index(bar, method, number) for method in SECONDS]
        for i in pair:
            bar.hear(i, ("start",))
        clock[0] += 10
        bar.hear(pair[0], ("done", []))
        clock[0] += 30
        bar.hear(pair[1], ("done", []))
        if number == 2:
            assert minutes(bar) == pytest.approx(3 * (10 + 40) / 2 / 60, abs=0.051)
    assert minutes(bar) == pytest.approx(
        40 / 60, abs=0.051
    )  # 25 seconds of work a core, and one cell that takes 40


def test_a_cell_that_failed_at_once_does_not_make_the_others_quick(bar, clock):
    run(bar, clock, index(bar, "simclr", 0))
    bar.hear(index(bar, "simclr", 1), ("start",))
    bar.hear(index(bar, "simclr", 1), ("failed", "for a reason"))
    assert minutes(bar) == pytest.approx((4 + 6) * 10 / 60, abs=0.051)


# On a terminal


class Screen(io.StringIO):
    """Keeps what is written, without what moves the cursor and colours."""

    def lines(self):
        plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.getvalue())
        return re.split(r"[\r\n]+", plain)


@pytest.fixture
def shown(clock, tmp_path):
    """`shown(width)`: the progress of a plan on a terminal so wide, its screen and its renders."""

    def of(width, **how):
        pins = {"method": list(SECONDS), "tau": [0.2]}
        plan = make_plan("digit_size", scale="smoke", seeds=3, pins=pins)
        screen, renders = Screen(), []
        console = Console(force_terminal=True, width=width, height=60, file=screen)

        def render(known, failed):
            renders.append(len(known))
            return live_table(plan, known, failed, width=width)

        cells = list(range(len(plan.cells)))
        bar = Progress(
            plan,
            {},
            cells,
            Context(store=tmp_path),
            [],
            render_table=render,
            display=Terminal(screen, console),
            **how,
        )
        return bar, screen, renders

    return of


ROW = {
    "feature": "first",
    "probe": "linear",
    "layer": "h",
    "scenes": "alone",
    "accuracy": 0.5,
    "low": 0.4,
    "high": 0.6,
    "guess": 0.1,
    "cases": 10,
}


@pytest.mark.parametrize("width", [80, 120])
def test_bars_and_table_fit_the_terminal_and_lose_nothing(width, shown, clock):
    bar, screen, _ = shown(width)
    screen.seek(screen.truncate(0))  # the first line names the store, and the terminal wraps it
    with bar:
        for i in (0, 1):
            bar.hear(i, ("start",))
        bar.hear(0, ("step", 1234, 5678, 3.25))
        bar.hear(1, ("done", [{**ROW, "feature": f} for f in ("first", "second")]))
        clock[0] += displays.TABLE_SECONDS
        bar.display.live.refresh()
    lines = screen.lines()
    assert max(len(line.rstrip()) for line in lines) <= width
    name = bar.plan.cell_name(bar.cells[0])
    (line,) = {line.rstrip() for line in lines if "step 1234/5678, loss 3.250" in line}
    assert line.startswith(name[:8])
    assert f"seed {bar.cells[0].seed}" in line
    assert any("all cells" in line and "%" in line for line in lines)
    table = live_table(bar.plan, bar.known, [], width=width).plain.splitlines()
    assert "50" in "".join(table)
    drawn = {line.rstrip() for line in lines}
    assert {line.rstrip() for line in table if line.strip()} <= drawn


def test_the_table_is_made_when_a_cell_ends_and_at_most_every_few_seconds(shown, clock):
    """Thousands of steps over many seconds: only what has ended makes the table anew."""
    bar, _, renders = shown(100)
    with bar:
        bar.display.live.refresh()
        for i in range(4):
            bar.hear(i, ("start",))
            for step in range(1000):
                clock[0] += 0.02  # 20 seconds a cell
                bar.hear(i, ("step", step, 1000, 1.0))
                if step % 25 == 0:  # twice a second
                    bar.display.live.refresh()
            bar.hear(i, ("done", [ROW]))
            bar.display.live.refresh()
        assert renders == [0, 1, 2, 3, 4]
        for i in range(4, 10):  # six cells that end within a second
            bar.hear(i, ("start",))
            bar.hear(i, ("done", [ROW]))
            clock[0] += 1 / 6
            bar.display.live.refresh()
        assert renders == [0, 1, 2, 3, 4]
        clock[0] += displays.TABLE_SECONDS
        for _ in range(3):
            bar.display.live.refresh()
        assert renders == [0, 1, 2, 3, 4, 10]


def test_a_tick_costs_less_than_one_percent_of_a_core(shown, clock):
    """A tick with a table of 60 lines and four bars, as often as it comes."""
    bar, _, _ = shown(120)
    bar.render_table = lambda known, failed: Text("\n".join("x" * 110 for _ in range(60)))
    with bar:
        for i in range(4):
            bar.hear(i, ("start",))
        bar.display.live.refresh()
        began = time.process_time()
        for _ in range(20):
            bar.display.live.refresh()
        seconds = (time.process_time() - began) / 20
    assert displays.TICKS * seconds < 0.01


def test_bars_do_not_tick_more_often_than_they_should(shown):
    bar, _, _ = shown(80)
    with bar:
        assert bar.display.live.refresh_per_second <= 2


def test_a_failure_is_told_above_the_bars(shown):
    bar, screen, _ = shown(80)
    with bar:
        bar.hear(0, ("start",))
        bar.hear(0, ("failed", "the loss is nan at step 3"))
    assert any("failed: the loss is nan at step 3" in line for line in screen.lines())
    assert bar.failed == [bar.cells[0]]


def test_without_a_table_there_are_bars_alone(shown):
    bar, screen, renders = shown(80)
    bar.render_table = None
    with bar:
        bar.hear(0, ("start",))
        bar.display.live.refresh()
    assert renders == []
    assert any("starting" in line for line in screen.lines())


@pytest.mark.parametrize("width", [10, 20, 33])
def test_a_name_is_cropped_in_its_middle(width):
    name = "simclr, tau 0.2, size2 32, seed 0"
    short = cropped(name, width)
    assert len(short) == min(width, len(name))
    assert short.endswith("seed 0")
    assert cropped(name, 40) == name


# Elsewhere


def told_to(display, tmp_path, clock):
    plan = make_plan("digit_size", scale="smoke", pins={"method": ["simclr"], "tau": [0.2]})
    cells = list(range(len(plan.cells)))
    bar = Progress(
        plan,
        {},
        cells,
        Context(store=tmp_path),
        [],
        describe_rows=lambda cell, rows: f"{len(rows)} rows",
        display=display,
    )
    with bar:
        for i in cells:
            bar.hear(i, ("start",))
            for step in range(500):
                clock[0] += 0.1
                bar.hear(i, ("step", step, 500, 1.0))
            bar.hear(i, ("done", [ROW, ROW]))
    return bar


def test_a_file_gets_a_line_for_each_finished_cell(tmp_path, clock):
    file = io.StringIO()
    bar = told_to(Display(file), tmp_path, clock)
    first, *lines = file.getvalue().splitlines()
    assert first.startswith(f"digit_size, smoke scale: {len(bar.cells)} cells to run")
    assert len(lines) == len(bar.cells)
    name = bar.plan.cell_name(bar.cells[0])
    assert lines[0].startswith(f"[1/{len(bar.cells)}] {name}: 2 rows (50 s; about ")


def test_a_notebook_has_one_line_that_is_written_over_twice_a_second_at_most(tmp_path, clock):
    out = io.StringIO()
    bar = told_to(Notebook(out), tmp_path, clock)
    text = out.getvalue()
    assert text.count("\n") == 2  # what is run, and how it ended
    written = [part for part in text.split("\r") if "%" in part]
    seconds = 50 * len(bar.cells)
    assert seconds < len(written) <= 2 * seconds + 2
    assert max(len(part.rstrip()) for part in written) <= displays.LINE
    assert text.rstrip().endswith(f"cells in {seconds / 60:.1f} min")


def test_a_notebook_with_ipywidgets_has_one_widget(tmp_path, clock, monkeypatch):
    shown = []
    box = types.SimpleNamespace(closed=False)
    box.close = lambda: setattr(box, "closed", True)
    bar = types.SimpleNamespace(value=0.0)
    fake = types.SimpleNamespace(
        FloatProgress=lambda **_: bar,
        Label=lambda: types.SimpleNamespace(value=""),
        HBox=lambda children: box,
    )
    ipython = types.ModuleType("IPython.display")
    ipython.display = shown.append
    monkeypatch.setitem(sys.modules, "ipywidgets", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython)
    out = io.StringIO()
    told_to(Notebook(out, displays.notebook_widget()), tmp_path, clock)
    assert shown == [box]
    assert box.closed
    assert bar.value == pytest.approx(1.0)
    assert "\r" not in out.getvalue()


def test_the_display_is_what_suits_the_stream(monkeypatch):
    assert type(display_for(io.StringIO())) is Display
    kernel = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(kernel=1))
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    display = display_for(io.StringIO())
    assert type(display) is Notebook
    assert display.stream is sys.stdout  # stderr is painted as an error


def test_a_training_in_a_notebook_has_one_line_too(clock, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(fitting, "display_for", lambda stream: Notebook(out))
    bar = fitting.ProgressLine(1000)
    for step in range(1000):
        clock[0] += 0.01
        bar.step(step + 1, 1.5)
    bar.end()
    text = out.getvalue()
    assert text.count("\n") == 1
    assert text.rstrip().endswith("training: step 1000/1000, loss 1.500")
    assert 15 < text.count("\r") < 30  # ten seconds, twice a second
