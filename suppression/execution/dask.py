"""Runs cells on a Dask cluster, or on a small one of this machine.

Events come over Dask's own wire, rows from the store. Cells that an earlier command has there are
taken up: a task's key is made of its cell.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from suppression.errors import UserError
from suppression.evaluation.spec import ProbeSettings
from suppression.execution import dask_worker
from suppression.execution.context import Context
from suppression.execution.executor import Hear, how_many
from suppression.execution.queue import work_of
from suppression.execution.runner import Row
from suppression.execution.watch import Event, Watch
from suppression.experiment.run import Run
from suppression.notes import tell
from suppression.writing import sha256

if TYPE_CHECKING:
    from distributed import Client, Future

TRIES = 3  # times that a cell may die
ANSWER = 10.0  # seconds in which a scheduler answers
LOOK = 1.0  # seconds between looks at the tasks where no event comes
HERE = "127.0.0.1:0"  # any free port of this machine alone
TLS = "DASK_DISTRIBUTED__COMM__TLS__"  # before the names of variables that Dask reads
UNSEEN = 5  # looks that rows may take over a network disk


@dataclass
class Sent:
    """A cell in the hands of Dask.

    Args:
        future: Its task.
        lost: How often it died.
        is_running: Whether an event came since it was sent, or sent again.
        stopped_at: The step of the last checkpoint that it was asked to leave.
        unseen: Looks in a row at which it had ended and its rows were not there.
    """

    future: Future
    lost: int = 0
    is_running: bool = False
    stopped_at: int = -1
    unseen: int = 0


def run(
    cells: list[Run],
    probe: ProbeSettings,
    context: Context,
    hear: Hear,
    *,
    address: str | None,
    workers: int | None = None,
    unasked: int = 0,
) -> dict[int, list[Row]]:
    """Train and probe cells; arguments, events and rows are those of `executor.run`.

    Args:
        cells: What to run.
        probe: What the trained networks are asked.
        context: Where they are kept; its device is that of the machine that runs a cell.
        hear: Told `(index, event)`.
        address: The scheduler's, tcp://HOST:PORT or tls://HOST:PORT; None starts a cluster here,
            which ends with this command.
        workers: How many run side by side in a cluster that is started here.
        unasked: The first so many cells are trained and not probed.

    Raises:
        UserError: if there is no such cluster, or it goes away.
        KeyboardInterrupt: if the user leaves; a cluster's cells go on unless it came twice.
    """
    number = 1
    if address is None:
        number, threads = how_many(workers, context.device, len(cells))
        context = replace(context, threads=threads)
    with connected(address, number) as client:
        watch = DaskWatch(cells, probe, context, hear, client, address, unasked)
        try:
            while watch.waiting or watch.submitted:
                watch.send_ready()
                watch.look()
        except KeyboardInterrupt:
            if address is None:
                watch.cancel()
            else:
                watch.leave(f"the cluster {address}", watch.cancel)
            raise
    return watch.rows


@contextmanager
def connected(address: str | None, number: int) -> Iterator[Client]:
    """A client of the cluster at an address, or of a new one that runs so many cells at a time.

    Raises:
        UserError: if there is no answer, or Dask is not installed.
    """
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError as error:
        raise UserError(
            f'--on dask needs {error.name}: pip install "suppression[cluster]" brings it'
        ) from error
    if address is None:
        # Threads of this process, as each cell has a process of its own: cells come by no port.
        # Dask's own pages have one each, which no other machine reaches.
        with (
            LocalCluster(
                n_workers=1,
                threads_per_worker=number,
                processes=False,
                dashboard_address=HERE,
                worker_dashboard_address=HERE,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
        return
    check_certificates(address)
    try:
        client = Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, TimeoutError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"no Dask scheduler answers at {address} within {ANSWER:.0f} s ({error}); "
            "`dask scheduler` starts one, and prints its address"
        ) from error
    with client:
        if not address.startswith("tls://"):
            tell(
                f"{address} is not encrypted and asks for no password: whoever reaches that port "
                "can run programs on the cluster; tls://HOST:PORT is one that checks"
            )
        if not client.scheduler_info(n_workers=-1)["workers"]:
            tell("the cluster has no worker yet; cells wait until one joins it")
        yield client


def check_certificates(address: str) -> None:
    """Whether Dask knows the certificates that a tls:// address asks for.

    Raises:
        UserError: if it does not.
    """
    from distributed.security import Security

    if not address.startswith("tls://"):
        return
    try:
        known = Security().get_connection_args("client").get("ssl_context")
    except OSError as error:
        raise UserError(f"{address}: a certificate cannot be read: {error}") from error
    if known is None:
        names = ", ".join(f"{TLS}{name}" for name in ("CA_FILE", "CLIENT__CERT", "CLIENT__KEY"))
        raise UserError(f"{address} asks for certificates: name their files by {names}")


class DaskWatch(Watch):
    """What is known of the cells of a command; arguments are those of `run`."""

    submitted: dict[int, Sent]

    def __init__(
        self,
        cells: list[Run],
        probe: ProbeSettings,
        context: Context,
        hear: Hear,
        client: Client,
        address: str | None,
        unasked: int,
    ) -> None:
        super().__init__(cells, probe, context, hear, unasked)
        self.client, self.address = client, address
        self.heard: SimpleQueue[tuple[str, list[Any]]] = SimpleQueue()
        client.subscribe_topic(dask_worker.TOPIC, lambda event: self.heard.put(event[1]))

    # --- sending ------------------------------------------------------------------------------

    def send_ready(self) -> None:
        """Send the cells whose prerequisites are trained."""
        for i in self.ready():
            self.is_out(i, Sent(self.sent(i, 0)))

    def sent(self, i: int, lost: int) -> Future:
        """Give a cell to the cluster, or find it there."""
        from distributed import fire_and_forget

        work = work_of(self.cells[i], self.probes[i], self.context)
        key = f"suppression-{sha256(work.encode())[:24]}-{lost}"
        try:
            future = self.client.submit(dask_worker.run_cell, work, key=key)
        except Exception as error:
            raise self.gone() from error
        if self.address is not None:
            fire_and_forget(future)
        return future

    # --- watching -----------------------------------------------------------------------------

    def look(self) -> None:
        """Tell what is new, and send again what was lost."""
        try:
            news = [self.heard.get(timeout=LOOK)]
        except Empty:
            news = []
        while not self.heard.empty():
            news.append(self.heard.get())
        sent_as = {cell.future.key: i for i, cell in self.submitted.items()}
        for key, told in news:
            if key in sent_as:  # others may run cells there, too
                self.take(sent_as[key], tuple(told))
        for i, cell in list(self.submitted.items()):
            event = self.last_event(i, cell)
            if event is not None:
                self.end(i, event)

    def take(self, i: int, event: Event) -> None:
        """Tell a cell's event; one that starts in the middle was lost with its worker."""
        cell = self.submitted.get(i)
        if cell is None:
            return
        if event[0] == "start" and cell.is_running:
            gone = self.lose(i, cell, "its worker died")
            if gone is not None:
                self.client.cancel([cell.future], force=True)
                self.end(i, gone)
            return
        cell.is_running = True
        self.tell(i, event)

    def last_event(self, i: int, cell: Sent) -> Event | None:
        """How a cell's task ended; None if it goes on, here or once more."""
        if self.client.status != "running":
            raise self.gone()
        if not cell.future.done():
            return None
        if cell.future.cancelled():
            return "failed", "it was cancelled in the cluster; the same command goes on with it"
        event = outcome(cell.future)
        if event[0] == "done":
            return self.finished(i) or self.without_rows(cell)
        again = None
        if event[0] == "stopped":
            again = f"stopped before step {event[1]}"
            if event[1] > cell.stopped_at:
                cell.lost -= 1  # it went on between two stops: no loss
            cell.stopped_at = event[1]
        elif event[0] == "lost":
            again = event[1]
        if again is None:
            return event
        gone = self.lose(i, cell, again)
        if gone is None:
            cell.future, cell.is_running = self.sent(i, cell.lost), False
        return gone

    def lose(self, i: int, cell: Sent, how: str) -> Event | None:
        """Count a loss; the event that ends a cell which was lost too often."""
        cell.lost += 1
        if cell.lost >= TRIES:
            return "failed", f"it died {cell.lost} times and is not tried again; {how}"
        self.tell(i, ("note", f"{how}; started again ({cell.lost} of {TRIES} tries lost)"))
        return None

    def without_rows(self, cell: Sent) -> Event | None:
        """What becomes of a cell that ended well and whose rows are not in the store."""
        cell.unseen += 1
        if cell.unseen < UNSEEN:  # they may be on their way over a network disk
            return None
        return "failed", f"it ended in the cluster, and {self.store.place} has no rows of it"

    def gone(self) -> UserError:
        return UserError(
            f"the scheduler {self.address} has gone; what was finished is in the store, and the "
            "same command goes on once it is back"
        )

    def cancel(self) -> None:
        """End the cells that run, and take back those that do not."""
        self.client.cancel([cell.future for cell in self.submitted.values()], force=True)


def outcome(future: Future) -> Event:
    """The last event of a task that is done; what its worker could not do is a failure."""
    from distributed import KilledWorker

    try:
        return tuple(future.result(timeout=ANSWER))
    except KilledWorker:
        return "lost", "its worker died"
    except ModuleNotFoundError as error:
        return "failed", f"a worker of the cluster has no {error.name}: install it there"
    except Exception as error:
        return "failed", f"its worker could not take it: {error!r}"
