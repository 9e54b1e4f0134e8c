"""Where progress is shown: on a terminal, in a notebook, or in a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO

TICKS = 0.5  # a second: how often bars are drawn; once takes about 12 ms of a core
LINES = 2  # a second, at most: how often a notebook's line is written
TABLE_SECONDS = 5.0  # the table is made anew when a cell has ended, but not more often than this
BAR = 10  # columns
STEP = 32  # columns of what a cell is at
LINE = 100  # columns of a notebook's line

Overall = Callable[[], tuple[float, str]]  # the share of the work that is done, and what is left
Table = Callable[[], Any]


def no_table() -> None:
    """What is shown below the bars where there is no table."""


class Display:
    """A line for each finished cell; what is written to a file or a pipe."""

    is_live = False  # whether it shows more than lines

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def begin(self, overall: Overall, table: Table = no_table, title: str = "all cells") -> None:
        """Start to show.

        Args:
            overall: The share of all work that is done, and what is left in words.
            table: Makes what is shown below the bars; None where there is no table.
            title: What all the work is called.
        """

    def tick(self) -> None:
        """Show how far the work is, if it is time to."""

    def start(self, index: int, name: str) -> None:
        """A cell has started."""

    def move(self, index: int, share: float, text: str) -> None:
        """A cell has gone on: its share of the work in it, and what it is at."""

    def end(self, index: int, line: str, *, failed: bool) -> None:
        """A cell has ended, which `line` says in full."""
        self.say(line)

    def say(self, text: str) -> None:
        print(text, file=self.stream, flush=True)

    def close(self) -> None:
        """Take away what is no line."""


class Terminal(Display):
    """Bars, and a table that fills. Bars tick; the table is made when a cell has ended."""

    is_live = True

    def __init__(self, stream: TextIO, console: Any = None) -> None:
        super().__init__(stream)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        self.console = console or Console(file=stream, highlight=False)
        name, step = (Column(no_wrap=True, overflow="ellipsis") for _ in range(2))
        self.bars = Progress(
            TextColumn("{task.description}", table_column=name, markup=False),
            BarColumn(bar_width=BAR),
            TextColumn(
                "{task.percentage:>3.0f}% {task.fields[text]}", table_column=step, markup=False
            ),
            console=self.console,
        )
        self.tasks: dict[int, Any] = {}
        self.live: Any = None
        self.table: Any = None
        self.made_at = 0.0
        self.table_is_old = True

    def begin(self, overall: Overall, table: Table = no_table, title: str = "all cells") -> None:
        from rich.live import Live

        self.overall, self.make_table = overall, table
        self.all_cells = self.bars.add_task(title, total=1.0, text="")
        self.live = Live(
            get_renderable=self.rendered,
            console=self.console,
            refresh_per_second=TICKS,
            transient=True,
        )
        self.live.start()

    def rendered(self) -> Any:
        """What is drawn at a tick."""
        from rich.console import Group

        share, left = self.overall()
        self.bars.update(self.all_cells, completed=share, text=left)
        now = time.monotonic()
        if self.table_is_old and (self.table is None or now - self.made_at >= TABLE_SECONDS):
            made = self.make_table()
            self.table = None if made is None else Drawn(self.console, made)
            self.made_at, self.table_is_old = now, made is None
        if self.table is None:
            return self.bars
        return Group(self.bars, self.table)  # bars first: a low terminal cuts the end

    def start(self, index: int, name: str) -> None:
        width = max(self.console.width - BAR - STEP - len("100%") - 3, BAR)
        self.tasks[index] = self.bars.add_task(cropped(name, width), total=1.0, text="starting")

    def move(self, index: int, share: float, text: str) -> None:
        self.bars.update(self.tasks[index], completed=share, text=text)

    def end(self, index: int, line: str, *, failed: bool) -> None:
        self.bars.remove_task(self.tasks.pop(index))
        self.table_is_old = True
        if failed:
            self.say(line)

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        self.live.stop()


class Drawn:
    """Something that rich has laid out once: a tick only copies its lines."""

    def __init__(self, console: Any, renderable: Any) -> None:
        from rich.segment import Segment

        self.segments = []
        for line in console.render_lines(renderable, pad=False):
            self.segments += [*line, Segment.line()]

    def __rich_console__(self, console: Any, options: Any) -> Iterable[Any]:
        return self.segments


class Notebook(Display):
    """One line that is written over, or a widget where ipywidgets is there."""

    is_live = True

    def __init__(self, stream: TextIO, widget: Any = None) -> None:
        super().__init__(stream)
        self.widget = widget
        self.overall: Overall | None = None
        self.cells: dict[int, str] = {}
        self.drawn_at = 0.0
        self.length = 0  # of what stands in the line

    def begin(self, overall: Overall, table: Table = no_table, title: str = "all cells") -> None:
        self.overall = overall
        self.draw()

    def start(self, index: int, name: str) -> None:
        self.cells[index] = name
        self.tick()

    def move(self, index: int, share: float, text: str) -> None:
        self.tick()

    def end(self, index: int, line: str, *, failed: bool) -> None:
        self.cells.pop(index)
        if failed:
            self.say(line)
        self.tick()

    def tick(self) -> None:
        if time.monotonic() - self.drawn_at >= 1 / LINES:
            self.draw()

    def draw(self) -> None:
        if self.overall is None:
            return
        self.drawn_at = time.monotonic()
        share, left = self.overall()
        text = f"{100 * share:3.0f}%  {left}"
        if self.cells:
            text += f"; {' | '.join(self.cells.values())}"
        text = cropped(text, LINE)
        if self.widget is not None:
            self.widget.show(share, text)
            return
        self.stream.write("\r" + text.ljust(self.length))
        self.stream.flush()
        self.length = len(text)

    def say(self, text: str) -> None:
        if self.length:
            self.stream.write("\r" + " " * self.length + "\r")
            self.length = 0
        print(text, file=self.stream, flush=True)

    def close(self) -> None:
        self.draw()
        if self.widget is not None:
            self.widget.close()
        if self.length:
            self.stream.write("\r" + " " * self.length + "\r")
            self.length = 0
        self.overall = None


class Widget:
    """A bar of ipywidgets with a text beside it."""

    def __init__(self, ipywidgets: Any) -> None:
        from IPython.display import display

        self.bar = ipywidgets.FloatProgress(min=0.0, max=1.0)
        self.text = ipywidgets.Label()
        self.box = ipywidgets.HBox([self.bar, self.text])
        display(self.box)

    def show(self, share: float, text: str) -> None:
        self.bar.value, self.text.value = share, text

    def close(self) -> None:
        self.box.close()


def display_for(stream: TextIO) -> Display:
    """What suits the stream: a terminal, a notebook's output, or anything else."""
    if is_notebook():  # where what goes to stderr is painted as an error
        return Notebook(sys.stdout, notebook_widget())
    from rich.console import Console

    if Console(file=stream).is_terminal:
        return Terminal(stream)
    return Display(stream)


def is_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    if "ipykernel" not in sys.modules or "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def notebook_widget() -> Widget | None:
    try:
        import ipywidgets
    except ImportError:
        return None
    return Widget(ipywidgets)


def cropped(text: str, width: int) -> str:
    """A text of at most this width; its middle is left out, as its end tells cells apart."""
    if len(text) <= width:
        return text
    tail = (width - 1) * 2 // 3
    head = width - 1 - tail
    return f"{text[:head]}…{text[len(text) - tail :]}"
