"""Logs of other libraries, offline, read back by these libraries themselves."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from suppression.errors import UserError
from suppression.logs import Cell, named

CELL = Cell(
    experiment="digit_size.smoke",
    name="simclr, tau 0.2, size2 12, seed 0",
    key="5869b5695a44df02cb946b99",
    id="0123456789abcdef",
    parameters={"tau": 0.2, "method": "simclr", "net": None, "layers": ["h", "z"]},
)
OTHER = Cell("digit_size.smoke", "untrained, seed 0", "77", "fedcba9876543210", {})
ROWS = [
    {"feature": "first", "scenes": "together", "probe": "linear", "layer": "h", "accuracy": 0.25},
    {"feature": "first", "scenes": "together", "probe": "at place", "layer": "h", "accuracy": 0.5},
]
LOSSES = [4.0, 3.5, 3.25]
SCORES = {
    "accuracy/first/together/linear/h": 0.25,
    "accuracy/first/together/at place/h": 0.5,
}


def tell_both(word):
    """Two cells side by side, one of which is interrupted; None where they were declined."""
    log = named(word)
    begun = [log.begin(CELL), log.begin(OTHER)]
    for step, loss in enumerate(LOSSES):
        if begun[0]:
            log.log(CELL, 10 * step, {"loss": loss, "lr": 0.5})
        if begun[1]:
            log.log(OTHER, step, {"loss": 1.0})
    if begun[0]:
        log.end(CELL, ROWS)
    if begun[1]:
        log.end(OTHER, None)
    return begun


def test_tensorboard_shows_curves_scores_and_a_table_of_parameters(tmp_path):
    pytest.importorskip("tensorboard", reason="extra logs")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    folder = tmp_path / "runs" / "mine"
    assert tell_both(f"tensorboard:{folder}") == [True, True]
    place = folder / "digit_size.smoke" / "simclr_tau_0.2_size2_12_seed_0-01234567"
    seen = EventAccumulator(str(place)).Reload()
    assert [(each.step, each.value) for each in seen.Scalars("loss")] == [
        (0, 4.0),
        (10, 3.5),
        (20, 3.25),
    ]
    for name, value in SCORES.items():
        assert [each.value for each in seen.Scalars(name)] == [value]
    content = seen.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    table = HParamsPluginData.FromString(content).session_start_info.hparams
    assert table["tau"].number_value == 0.2
    assert table["layers"].string_value == "['h', 'z']"
    told = json.loads((place / "cell.json").read_text())
    assert told["parameters"] == dict(CELL.parameters)

    # What is whole is not told twice; what was interrupted is told again, each point once.
    assert tell_both(f"tensorboard:{folder}") == [False, True]
    (other,) = (folder / "digit_size.smoke").glob("untrained*")
    assert len(list(other.glob("events*"))) == 2
    seen = EventAccumulator(str(other)).Reload()
    assert [each.step for each in seen.Scalars("loss")] == [0, 1, 2]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_wandb_keeps_runs_offline(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="extra logs")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    wandb.teardown()  # settings of the environment are read once
    try:
        assert tell_both("wandb:mine") == [True, True]
        (whole,) = tmp_path.glob("wandb/offline-run-*-0123456789abcdef")
        content = (whole / "run-0123456789abcdef.wandb").read_bytes()
        for word in ("mine", CELL.name, "accuracy/first/together/linear/h", "3.25", "tau"):
            assert word.encode() in content, word
        assert tell_both("wandb:mine") == [False, True]
        assert len(list(tmp_path.glob("wandb/offline-run-*"))) >= 2
    finally:
        wandb.teardown()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_wandb_without_a_key_ends_before_any_training(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="extra logs")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    wandb.teardown()
    try:
        with pytest.raises(UserError, match=r"wandb:mine: .* Or WANDB_MODE=offline keeps runs in"):
            named("wandb:mine")
    finally:
        wandb.teardown()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_mlflow_keeps_runs_in_a_folder(tmp_path):
    pytest.importorskip("mlflow", reason="extra logs")
    pytest.importorskip("alembic", reason="mlflow-skinny has no databases")
    assert tell_both(f"mlflow:{tmp_path}/mine") == [True, True]
    check_mlflow(f"sqlite:///{tmp_path}/mine/mlflow.db")
    assert tell_both(f"mlflow:{tmp_path}/mine") == [False, True]


def check_mlflow(uri):
    """Whether what it keeps there is what `tell_both` told."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    number = client.get_experiment_by_name("digit_size.smoke").experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([number])}
    run = runs[CELL.name]
    curve = client.get_metric_history(run.info.run_id, "loss")
    assert [(each.step, each.value) for each in curve] == [(0, 4.0), (10, 3.5), (20, 3.25)]
    assert {name: run.data.metrics[name] for name in SCORES} == SCORES
    assert run.data.params == {name: str(value) for name, value in CELL.parameters.items()}
    assert [run.info.status, runs[OTHER.name].info.status] == ["FINISHED", "FAILED"]


@pytest.fixture
def mlflow_server(tmp_path):
    pytest.importorskip("mlflow.server", reason="extra logs; mlflow-skinny has no server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = f"sqlite:///{tmp_path}/server.db"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", kept]
    command += ["--artifacts-destination", str(tmp_path), "--workers", "1", "--port", str(port)]
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def is_up(url):
    try:
        return urllib.request.urlopen(f"{url}/health", timeout=2).status == 200
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_mlflow_keeps_runs_on_a_server_and_one_that_is_gone_is_told(mlflow_server, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    until = time.monotonic() + 120
    while not is_up(mlflow_server):
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.5)
    assert tell_both(f"mlflow:{mlflow_server}") == [True, True]
    check_mlflow(mlflow_server)
    assert tell_both(f"mlflow:{mlflow_server}") == [False, True]
    with pytest.raises(UserError, match=r"--log mlflow:http://127\.0\.0\.1:9 cannot be used"):
        named("mlflow:http://127.0.0.1:9")


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_folder_that_cannot_be_written_ends_before_any_training(name, tmp_path, monkeypatch):
    pytest.importorskip(name, reason="extra logs")
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "runs"
    if name == "wandb":
        import wandb

        monkeypatch.setitem(os.environ, "WANDB_DIR", str(place))
        monkeypatch.setitem(os.environ, "WANDB_MODE", "offline")
        wandb.teardown()
    with pytest.raises(UserError, match=rf"--log {name}:.* cannot be written: Not a directory"):
        named(f"{name}:{place}")


# --- where the libraries are not installed: what of their public API is called, and how ----------


class Calls:
    """Takes the place of a module or an object: keeps every call, and answers with itself."""

    def __init__(self, told, name, **answers):
        self.told, self.name, self.answers = told, name, answers

    def __getattr__(self, name):
        if name in self.answers:
            return self.answers[name]
        if name.startswith("__"):
            raise AttributeError(name)
        return Calls(self.told, f"{self.name}.{name}".removeprefix("."))

    def __call__(self, *args, **given):
        self.told.append((self.name, args, given))
        return self.answers.get("returns", self)


def named_in(told, *names):
    return [(name, args) for name, args, _ in told if name in names]


def test_tensorboard_is_told_each_value_at_its_step(tmp_path, monkeypatch):
    told = []
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", Calls(told, ""))
    hparams = Calls(told, "hparams", returns=("exp", "ssi", "sei"))
    monkeypatch.setitem(
        sys.modules, "torch.utils.tensorboard.summary", Calls(told, "", hparams=hparams)
    )
    (tmp_path / CELL.experiment / CELL.file_name).mkdir(parents=True)  # as the writer does
    assert tell_both(f"tensorboard:{tmp_path}") == [True, True]
    scalars = [args for name, args in named_in(told, "SummaryWriter.add_scalar")]
    assert [each for each in scalars if each[0] == "lr"] == [("lr", 0.5, 10 * i) for i in range(3)]
    assert [each[:2] for each in scalars if each[0] in SCORES] == [*SCORES.items()]
    assert len(named_in(told, "SummaryWriter.file_writer.add_summary")) == 3
    assert len(named_in(told, "SummaryWriter.close")) == 2
    assert [given["purge_step"] for name, _, given in told if name == "SummaryWriter"] == [0, 0]
    assert tell_both(f"tensorboard:{tmp_path}") == [False, True]


def test_wandb_is_told_of_two_runs_at_a_time(tmp_path, monkeypatch):
    told = []
    settings = Calls(told, "", mode="online", root_dir=str(tmp_path))
    setup = Calls(told, "setup", returns=Calls(told, "", settings=settings))
    (tmp_path / "wandb" / f"run-1-{CELL.id}" / "files").mkdir(parents=True)
    run = Calls(told, "run", dir=str(tmp_path / "wandb" / f"run-1-{CELL.id}" / "files"))
    wandb = Calls(told, "", setup=setup, init=Calls(told, "init", returns=run))
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    assert tell_both("wandb:mine") == [True, True]
    assert [name for name, *_ in told[:2]] == ["setup", "login"]  # before any training
    (first, second) = [given for name, _, given in told if name == "init"]
    assert (first["id"], first["resume"], first["reinit"]) == (CELL.id, "allow", "create_new")
    assert (first["project"], first["group"]) == ("mine", CELL.experiment)
    assert second["name"] == OTHER.name
    steps = [given["step"] for name, _, given in told if name == "run.log"]
    assert steps == [0, 0, 10, 1, 20, 2]
    assert named_in(told, "run.summary.update")[0][1] == (SCORES,)
    assert [each[2]["exit_code"] for each in told if each[0] == "run.finish"] == [0, 1]
    assert tell_both("wandb:mine")[0] is False


def test_mlflow_is_told_in_batches_of_what_it_takes(tmp_path, monkeypatch):
    told = []

    def run_id(number):
        return Calls(told, "", info=Calls(told, "", run_id=number))

    client = Calls(
        told,
        "client",
        get_experiment_by_name=Calls(told, "get", returns=None),
        create_run=Calls(told, "create_run", returns=run_id("1")),
    )
    tracking = Calls(told, "", MlflowClient=Calls(told, "MlflowClient", returns=client))
    entities = Calls(told, "", Metric=lambda *args: args, Param=lambda *args: args)
    fakes = {"mlflow": Calls(told, ""), "alembic": Calls(told, "")}
    fakes |= {"mlflow.tracking": tracking, "mlflow.entities": entities}
    for name, module in fakes.items():
        monkeypatch.setitem(sys.modules, name, module)
    log = named(f"mlflow:{tmp_path}")
    assert told[0][1] == (f"sqlite:///{tmp_path}/mlflow.db",)
    log.begin(CELL)
    for step in range(1000):
        log.log(CELL, step, {"loss": 0.5})
    log.end(CELL, ROWS)
    batches = [given for name, _, given in told if name == "client.log_batch"]
    sent = [given["metrics"] for given in batches if "metrics" in given]
    assert batches[0]["params"][0] == ("tau", "0.2")
    assert sum(map(len, sent)) == 1000 + len(SCORES)
    assert max(map(len, sent)) <= 1000
    assert named_in(told, "client.set_terminated")[0][1] == ("1", "FINISHED")

    named("mlflow:http://localhost:5000")
    assert [args for name, args in named_in(told, "MlflowClient")][-1] == ("http://localhost:5000",)
