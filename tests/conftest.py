"""What several tests need.

A tiny cell, its context, one smoke run that many tests look at, and a watch for code that waits for
the device.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

os.environ.setdefault("MPLBACKEND", "Agg")
# Two test workers already keep two cores busy: threads that wait for one another would spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)

from suppression import plugins
from suppression.execution.context import Context
from suppression.exp import main
from suppression.experiment.plan import make_plan
from suppression.experiment.schema import cell_parameters
from suppression.methods import METHODS


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """No test touches the user's store."""
    monkeypatch.setenv("SUPPRESSION_HOME", str(tmp_path / "home"))


@pytest.fixture
def plan():
    return make_plan("digit_size", scale="smoke", pins={"tau": [0.2]})


@pytest.fixture
def cell(plan):
    """The smallest SimCLR cell of the smoke scale."""
    return next(cell for cell in plan.cells if cell.method == "simclr")


@pytest.fixture
def cell_with():
    """`cell_with(method)`: the smoke scale's cell of a method, also of one not in the recipe."""

    def of(method):
        pins = {"tau": [0.2]} if "tau" in cell_parameters("two_digits", method) else {}
        pins |= {"images": [256]} if METHODS[method].instanced else {}
        return make_plan("digit_size", scale="smoke", pins={"method": [method]} | pins).cells[0]

    return of


@pytest.fixture(scope="session")
def competition():
    """A small recipe with controls, four places and a published table; the path of its file."""
    return str(Path(__file__).parent / "competition.toml")


@pytest.fixture
def context(tmp_path):
    return Context(store=tmp_path / "store", threads=1)


@pytest.fixture
def own_registries(monkeypatch):
    """What a test registers is gone after it, and plug-ins are loaded anew."""
    monkeypatch.setattr(plugins, "loaded", set())
    monkeypatch.setattr(plugins, "files", set())
    registries = [plugins.registry(kind) for kind in plugins.GROUPS]
    before = [dict(known) for known in registries]
    yield
    for known, kept in zip(registries, before, strict=True):
        known.clear()
        known.update(kept)


@pytest.fixture(scope="session")
def smoke_store(tmp_path_factory):
    """The store after `digit_size --scale smoke --tau 0.2`, run once for all test workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    store = shared / "smoke" / "store"
    with FileLock(shared / "smoke.lock"):
        if not (store / "results").is_dir():  # kept last
            argv = ["digit_size", "--scale", "smoke", "--tau", "0.2", "--store", str(store)]
            assert main(argv) == 0
    return store


@pytest.fixture
def smoke(smoke_store, tmp_path):
    """A copy of that store, to be harmed."""
    return Path(shutil.copytree(smoke_store, tmp_path / "smoke"))


class HostSync(AssertionError):
    """A step that on a GPU makes the host wait.

    It reads a value, needs one to know a shape, or copies host data.
    """


class _NoSyncingOperator(TorchDispatchMode):
    """Operators whose result, or its shape, the host must know.

    Masks as indices, with a `nonzero` within, and tensors made from Python's numbers are, too.
    """

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        base = func.overloadpacket
        if base in (torch.ops.aten.index, torch.ops.aten.index_put, torch.ops.aten.index_put_):
            waits = any(
                index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
            )
        else:
            waits = base is torch.ops.aten.lift_fresh or {
                torch.Tag.data_dependent_output,
                torch.Tag.dynamic_output_shape,
            } & set(func.tags)
        if waits:
            raise HostSync(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


class _NoReading(TorchFunctionMode):
    """What reaches no operator on a CPU."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", None) in ("tolist", "numpy", "__array__", "cpu"):
            raise HostSync(f"{func.__name__} waits for the device")
        return func(*args, **(kwargs or {}))


@pytest.fixture(name="no_host_sync")
def _no_host_sync():
    """`with no_host_sync():` raises HostSync, on the CPU, at what makes the host wait for a GPU."""

    @contextmanager
    def watch():
        with _NoReading(), _NoSyncingOperator():
            yield

    return watch
