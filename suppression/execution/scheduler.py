"""Where cells run, behind one interface: this machine, all of torchrun's processes, a cluster.

Events, rows and the progress bar are the same everywhere; rows always come from the store.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from suppression.errors import UserError, unknown
from suppression.evaluation.spec import ProbeSettings
from suppression.execution import dask, executor, slurm, together
from suppression.execution.context import Context
from suppression.execution.executor import Hear
from suppression.execution.runner import Row
from suppression.execution.store import Store
from suppression.experiment.run import Run

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "local": (),
    "slurm": slurm.OPTIONS,
    "dask": (),
    "tls": (),
}
ADDRESS = re.compile(r"//(\[[0-9a-fA-F:]+\]|[^\s:/@,]+):([0-9]{1,5})")  # of a Dask scheduler
MOST_PORT = 65535


@dataclass(frozen=True)
class Target:
    """Where cells run.

    Args:
        engine: local, slurm or dask.
        options: What the engine is told, by name.
        device: What `--device` says; auto is found out by the machine that runs a cell.
        address: Of a Dask scheduler; none starts a cluster here.

    Example:
        >>> Target.named("slurm:partition=gpu,time=1:00:00,array=8").options["array"]
        '8'
    """

    engine: str = "local"
    options: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"
    address: str | None = None

    @property
    def is_here(self) -> bool:
        """Whether cells run on this machine."""
        return self.engine == "local" or (self.engine == "dask" and self.address is None)

    @classmethod
    def named(cls, text: str, device: str = "auto") -> Target:
        """The target that `--on` names: ENGINE, ENGINE:NAME=VALUE,... or a scheduler's address.

        Raises:
            UserError: for an engine or an option that is not there, with the nearest one.
        """
        engine, _, told = text.partition(":")
        if engine not in OPTIONS:
            raise unknown("--on knows no", engine, OPTIONS)
        if engine == "tls" or told.startswith("/"):
            return cls("dask", device=device, address=scheduler_address(text))
        options = {}
        for each in told.split(",") if told else []:
            name, equals, value = each.partition("=")
            if name not in OPTIONS[engine]:
                raise unknown(f"--on {engine} has no option", name, OPTIONS[engine])
            if not equals or not value:
                raise UserError(f"--on {text}: {name} has no value; {name}=VALUE is wanted")
            options[name] = value
        if not options.get("array", "1").isdigit() or options.get("array") == "0":
            raise UserError(
                f"--on {text}: array is how many cells run at a time, 1 or more: array=8"
            )
        return cls(engine, options, device)


def scheduler_address(text: str) -> str:
    """Where the Dask scheduler is that `--on` names by dask://HOST:PORT or tls://HOST:PORT.

    Raises:
        UserError: if it is no such address.
    """
    scheme, _, rest = text.partition(":")
    if scheme == "slurm" or scheme == "local":
        raise UserError(f"--on {text}: {scheme} has no address; dask://HOST:PORT has one")
    if not ADDRESS.fullmatch(rest) or int(rest.rpartition(":")[2]) > MOST_PORT:
        raise UserError(
            f"--on {text}: {scheme}://HOST:PORT is wanted, as `dask scheduler` prints it: "
            f"{scheme}://10.0.0.1:8786"
        )
    return text if scheme == "tls" else f"tcp:{rest}"


def run(
    cells: list[Run],
    probe: ProbeSettings,
    context: Context,
    hear: Hear,
    *,
    target: Target | None = None,
    workers: int | None = None,
    unasked: int = 0,
) -> dict[int, list[Row]]:
    """Train and probe cells; arguments, events and rows are those of `executor.run`.

    Args:
        cells: What to run.
        probe: What the trained networks are asked.
        context: Where they are run and kept.
        hear: Told `(index, event)`.
        target: Where they are run; this machine if None.
        workers: How many run side by side on this machine.
        unasked: The first so many cells are trained and not probed.

    Raises:
        UserError: if one of them cannot be run there.
    """
    check_store(context, target)
    if target is not None and target.engine != "local":
        check_for_cluster(cells, workers, target)
        there = context if target.is_here else replace(context, device=target.device)
        if target.engine == "slurm":
            return slurm.run(cells, probe, there, hear, options=target.options, unasked=unasked)
        return dask.run(
            cells, probe, there, hear, address=target.address, workers=workers, unasked=unasked
        )
    if together.is_launched():
        together.check_cells(cells, context)
        return executor.run_here(cells, probe, context, hear, unasked=unasked)
    return executor.run(cells, probe, context, hear, workers=workers, unasked=unasked)


def check_store(context: Context, target: Target | None) -> None:
    """Whether the processes that train see the store.

    Raises:
        UserError: if it is behind a URL and they do not.
    """
    bucket = Store(context.store).bucket
    if bucket is None:
        return
    if bucket.is_of_one_process:
        raise UserError(
            f"{bucket.url} is memory of this process, and cells are trained in others: name a "
            "folder, or a bucket such as s3://BUCKET/store"
        )
    if target is not None and target.engine == "slurm":
        raise UserError(
            f"--on slurm keeps its queue in the store, and {bucket.url} is no folder that all "
            "nodes see: name one with --store, or use --on dask://HOST:PORT"
        )


def check_for_cluster(cells: list[Run], workers: int | None, target: Target) -> None:
    """Whether cells come out alike on whichever machine takes them.

    Raises:
        UserError: if one leaves its precision to the machine, if a class is known to this process
            alone, or if the number of workers is given, which is the cluster's.
    """
    if workers is not None and not target.is_here:
        says = "slurm:array=N says" if target.engine == "slurm" else "the cluster's workers say"
        raise UserError(f"--workers is of this machine; {says} how many run there")
    if together.is_launched():
        raise UserError(f"--on {target.engine} runs each cell in one process: leave out torchrun")
    for cell in cells:
        auto = cell.training is not None and cell.training.precision == "auto"
        if auto and not target.is_here:
            raise UserError(
                "precision = auto is decided by each machine, and a cluster's differ: "
                "--precision fp32 (or bf16) fixes it"
            )
    if executor.AtHome(cells).indices:
        raise UserError(
            "a class of these cells is defined in a notebook or a script, which no other machine "
            "can import: put it into a module and name that in SUPPRESSION_PLUGINS"
        )
