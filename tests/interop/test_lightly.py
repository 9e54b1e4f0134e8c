"""Our scenes in lightly's training, and our probes on what comes out of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.models import resnet18
from torchvision.transforms import ToPILImage

import suppression as sup

SCENES = sup.datasets.TwoDigits(canvas=24, size1=8, size2=12)
loss = pytest.importorskip("lightly.loss", reason="extra interop")
modules = pytest.importorskip("lightly.models.modules", reason="extra interop")


def backbone():
    """As lightly's own examples cut it."""
    torch.manual_seed(0)
    return nn.Sequential(*list(resnet18().children())[:-1], nn.Flatten())


@pytest.mark.filterwarnings("ignore")
def test_a_network_of_lightly_is_trained_on_a_stream_and_asked_by_our_probes():
    network = backbone()
    head, criterion = modules.SimCLRProjectionHead(512, 32, 16), loss.NTXentLoss(temperature=0.2)
    optimizer = torch.optim.SGD([*network.parameters(), *head.parameters()], lr=0.01)
    batches = sup.datasets.stream(SCENES, batch=8, steps=2)
    values = []
    for x1, x2, factors in DataLoader(batches, batch_size=None):
        z1, z2 = (head(network(x.expand(-1, 3, -1, -1))) for x in (x1, x2))
        value = criterion(z1, z2)
        assert value.item() == pytest.approx(sup.losses.nt_xent(z1, z2, tau=0.2).item(), rel=1e-4)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(factors["first"])
    assert [len(first) for first in values] == [8, 8]
    rows = sup.evaluate(network, SCENES, train=60, test=30)
    assert {row["feature"] for row in rows} == {"first", "second"}
    result = sup.audit(network, SCENES, raw=True, train=60, test=30, mlp=None, size=24)
    assert {row["feature"] for row in result.rows} >= {"first", "second"}
    assert "raw pixels" in result.table()


@pytest.mark.filterwarnings("ignore")
def test_scenes_by_number_go_through_a_transform_of_lightly():
    transforms = pytest.importorskip("lightly.transforms", reason="extra interop")
    data = pytest.importorskip("lightly.data", reason="extra interop")
    to_image = ToPILImage()
    views = transforms.SimCLRTransform(input_size=24)

    def two_views(x):
        return views(to_image(x.expand(3, -1, -1)))

    scenes = sup.datasets.fixed(SCENES, n=12, transform=two_views)
    for set_ in (scenes, data.LightlyDataset.from_torch_dataset(scenes)):
        (x1, x2), labels, *_ = next(iter(DataLoader(set_, batch_size=6)))
        assert x1.shape == x2.shape == (6, 3, 24, 24)
        assert not torch.equal(x1, x2)
        assert labels["first"].tolist() == scenes.labels["first"][:6].tolist()
