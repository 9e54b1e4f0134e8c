"""Two processes train as one does: losses, weights and statistics, to 1e-12 in float64.

The tests run this file itself under torchrun, where it is a program.
"""

import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import distributed

from suppression.errors import UserError
from suppression.methods import METHODS, Barlow, SimCLR
from suppression.models.resnet import ResNet
from suppression.training.loop import Training, train
from suppression.training.parallel import AVERAGED, GATHERED, check_parallel

SUPPORTED = [*GATHERED, *AVERAGED]
STEPS, BATCH = 4, 12


class Keeper:
    """Keeps the trace, and a checkpoint where `at` says so."""

    def __init__(self, saved=None, at=None):
        self.saved, self.at, self.losses = saved, at, []

    def log(self, row):
        self.losses.append(row["loss"])

    def due(self):
        return len(self.losses) == self.at

    def save(self, tensors, step):
        self.saved = (tensors, step)

    def load(self):
        return self.saved


def draw(step):
    rng = torch.Generator().manual_seed(step)
    x = torch.rand(BATCH, 1, 16, 16, generator=rng, dtype=torch.float64)
    small = torch.rand(BATCH, 1, 8, 8, generator=rng, dtype=torch.float64)
    return x, x.flip(3) * 0.9, torch.zeros(BATCH, 1), small


def trained(method_class, keeper=None):
    """A method's tensors and losses after four steps, with batch norms and local crops."""
    torch.manual_seed(0)
    method = method_class(ResNet(width=4, stem=1, channels=1)).double()
    lr = 2e-4 if method_class is Barlow else 0.05  # its loss is hundreds of times as large
    training = Training(samples=STEPS * BATCH, batch=BATCH, optimiser="sgd", lr=lr)
    kept = keeper or Keeper()
    # Methods take their losses in float32, where rounding would hide what differs.
    with patch.object(torch.Tensor, "float", lambda z: z):
        train(method, draw, training=training, device=torch.device("cpu"), keeper=kept)
    tensors = {name: value.clone() for name, value in method.state_dict().items()}
    return tensors | {"losses": torch.tensor(kept.losses, dtype=torch.float64)}


def in_two_processes(folder):
    """The program: every method, and SimCLR from the checkpoint of one process."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    first = distributed.get_rank() == 0
    for cls in SUPPORTED:
        tensors = trained(cls)
        if first:
            save_file(tensors, folder / f"{cls.__name__}.safetensors")
    checkpoint = load_file(folder / "checkpoint") if first else None
    tensors = trained(SimCLR, Keeper(saved=(checkpoint, 2) if first else None))
    if first:
        save_file(tensors, folder / "resumed.safetensors")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    """The folder with what two processes ended in."""
    folder = tmp_path_factory.mktemp("ranks")
    keeper = Keeper(at=2)
    trained(SimCLR, keeper)
    save_file(keeper.saved[0], folder / "checkpoint")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", __file__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def assert_equal_but_for_rounding(tensors, expected):
    assert tensors.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(tensors[name], value, rtol=1e-12, atol=1e-12, msg=name)


@pytest.mark.slow  # 15 s, most of it to start two processes
@pytest.mark.parametrize("cls", SUPPORTED)
def test_two_processes_end_where_one_does(cls, of_two):
    tensors = load_file(of_two / f"{cls.__name__}.safetensors")
    assert_equal_but_for_rounding(tensors, trained(cls))


@pytest.mark.slow
def test_a_checkpoint_of_one_process_is_gone_on_with_by_two(of_two):
    tensors = load_file(of_two / "resumed.safetensors")
    whole = trained(SimCLR)
    whole["losses"] = whole["losses"][2:]
    assert_equal_but_for_rounding(tensors, whole)


@pytest.mark.parametrize("name", ["swav", "dino", "moco", "instdisc", "cpc", "supcon", "randbit"])
def test_a_method_that_sees_more_of_a_batch_is_refused_by_name(name):
    with pytest.raises(UserError, match=f"{METHODS[name].__name__} is trained in one process"):
        check_parallel(METHODS[name], batch=8, world=2, remedies=False)


@pytest.mark.parametrize(("batch", "world"), [(9, 2), (2, 2), (64, 48)])
def test_a_batch_that_cannot_be_split_is_refused_with_both_numbers(batch, world):
    with pytest.raises(UserError, match=f"batch = {batch} over {world} processes"):
        check_parallel(SimCLR, batch=batch, world=world, remedies=False)


if __name__ == "__main__":
    in_two_processes(Path(sys.argv[1]))
