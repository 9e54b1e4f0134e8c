"""Cells over a Dask scheduler and workers that were started apart, as on several machines."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from suppression.execution.store import Store

pytest.importorskip("distributed", reason="Dask is not installed: extra `cluster`")
pytestmark = pytest.mark.slow

TLS = ("CA_FILE", "SCHEDULER__CERT", "SCHEDULER__KEY", "WORKER__CERT", "WORKER__KEY")
CLIENT = ("CA_FILE", "CLIENT__CERT", "CLIENT__KEY")
ARM = ["digit_size", "--scale", "smoke", "--method", "simclr", "--tau", "0.2", "--redraw", "0"]
SHORT = [*ARM, "--size2", "12"]
LONG = [*SHORT, "--samples", "60000"]  # some tens of seconds


def certificates(folder):
    """An authority that is made for this test, and a certificate of its own, as variables."""

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    folder.mkdir()
    new = ["-newkey", "rsa:2048", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    openssl("req", *new, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=localhost")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    openssl("x509", "-req", "-in", "own.csr", *signing, "-out", "own.pem")
    files = {"FILE": "ca.pem", "CERT": "own.pem", "KEY": "own.key"}
    found = {}
    for name in {*TLS, *CLIENT}:
        kind = name.rpartition("_")[2]
        found[f"DASK_DISTRIBUTED__COMM__TLS__{name}"] = str(folder / files[kind])
    return found


@contextmanager
def running(*words, env=None):
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *words],
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def cluster(scheme="tcp", env=None):
    """A scheduler and a worker, each a process; the address as `--on` names it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"{scheme}://127.0.0.1:{port}"
    quiet = ["--host", f"{scheme}://127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
    with ExitStack() as stack:
        stack.enter_context(running("scheduler", "--port", str(port), *quiet, env=env))
        until = time.monotonic() + 60
        while True:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < until, "the scheduler did not start"
            time.sleep(0.1)
        stack.enter_context(running("worker", address, "--nthreads", "1", *quiet, env=env))
        yield address.replace("tcp://", "dask://")


def command(store, on, words=SHORT, env=None):
    argv = [sys.executable, "-m", "suppression.exp", *words, "--store", str(store), "--on", on]
    return subprocess.Popen(
        argv,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process, seconds=240):
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def traces(root):
    """Of the cells that were trained to their end."""
    store = Store(root)
    found = [store.trace(cell.name) for cell in (root / "cells").glob("*")]
    return [trace for trace in found if trace]


def is_training(store):
    return any(path.stat().st_size for path in (store / "work").glob("*/trace.jsonl"))


def test_the_same_rows_come_back_and_one_is_told_that_nothing_is_encrypted(tmp_path):
    here = command(tmp_path / "here", "local")
    assert ended(here)[0] == 0
    with cluster() as on:
        code, _, err = ended(command(tmp_path / "there", on))
    assert code == 0, err
    assert "is not encrypted and asks for no password" in err
    one, other = Store(tmp_path / "here"), Store(tmp_path / "there")
    assert one.keys() == other.keys() != []
    for cell in (one.root / "cells").iterdir():
        name = Path("cells", cell.name, "weights.safetensors")
        assert (one.root / name).read_bytes() == (other.root / name).read_bytes()


def test_who_leaves_comes_back_to_cells_that_went_on(tmp_path):
    with cluster() as on:
        process = command(tmp_path, on, LONG)
        until(lambda: is_training(tmp_path))
        os.killpg(process.pid, signal.SIGINT)
        code, _, err = ended(process)
        assert code == 130
        assert "no longer watched: " in err
        assert "the same command comes back to them" in err
        back = command(tmp_path, on, LONG)
        code, _, err = ended(back)
    assert code == 0, err
    (trace,) = traces(tmp_path)
    steps = [row["step"] for row in trace]
    assert steps == sorted(set(steps))  # it was trained once, from its beginning to its end


def test_a_second_ctrl_c_cancels_and_leaves_a_checkpoint(tmp_path):
    with cluster() as on:
        process = command(tmp_path, on, LONG)
        until(lambda: is_training(tmp_path))
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(1.5)
        os.killpg(process.pid, signal.SIGINT)
        code, _, err = ended(process)
        assert code == 130
        assert "cancelled: " in err
        until(lambda: any((tmp_path / "work").glob("*/checkpoint")), 30)
        assert traces(tmp_path) == []


def test_cells_go_on_when_who_watched_was_killed(tmp_path):
    with cluster() as on:
        process = command(tmp_path, on, LONG)
        until(lambda: is_training(tmp_path))
        process.kill()
        process.communicate()
        until(lambda: traces(tmp_path))


def test_a_scheduler_with_certificates_takes_those_that_have_one(tmp_path):
    env = certificates(tmp_path / "tls")
    with cluster("tls", env) as on:
        code, _, err = ended(command(tmp_path / "store", on, env=env))
        assert code == 0, err
        assert "is not encrypted" not in err
        code, _, err = ended(command(tmp_path / "other", on))
        assert code == 2
        assert "asks for certificates: name their files by DASK_DISTRIBUTED__COMM__TLS__CA" in err
        assert "Traceback" not in err
        missing = {**env, "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(tmp_path / "none.pem")}
        code, _, err = ended(command(tmp_path / "other", on, env=missing))
        assert (code, "a certificate cannot be read" in err) == (2, True)
