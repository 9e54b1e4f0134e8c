"""RandBit-MNIST: the loss by loops, epochs by counting, and the probe that is trained along."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from torch import nn

from suppression.data import Pool, RandomBits
from suppression.errors import UserError
from suppression.evaluation.online import from_the_method_itself
from suppression.evaluation.spec import ProbeSettings
from suppression.execution import workplace as workplace_room
from suppression.execution.batches import (
    check_sources,
    load_pools,
    numbers_in_epoch,
    training_batches,
)
from suppression.execution.context import Context
from suppression.execution.runner import run_cell
from suppression.execution.store import Store
from suppression.experiment.plan import make_plan
from suppression.experiment.run import Run
from suppression.experiment.validation import check_cell
from suppression.methods import RandBit
from suppression.metrics.intervals import wilson
from suppression.models.convnet import ConvNet

CPU = torch.device("cpu")


@pytest.fixture
def plan():
    return make_plan(
        "randbits_mnist", scale="smoke", pins={"bits": [6], "tau": [0.1], "method": ["randbit"]}
    )


@pytest.fixture
def cell(plan):
    return plan.cells[0]


def small(**parameters) -> RandBit:
    torch.manual_seed(0)
    return RandBit(ConvNet(width=4, channels=3), **parameters).train()


def batch(n=12):
    rng = torch.Generator().manual_seed(1)
    bits = torch.randint(2, (n, 2, 1, 1), generator=rng).float().expand(-1, -1, 28, 28)
    x1, x2 = (torch.cat([torch.rand(n, 1, 28, 28, generator=rng), bits], 1) for _ in range(2))
    classes = torch.randint(10, (n,), generator=rng)
    return x1, x2, torch.eye(10)[classes], classes


# The method


@torch.no_grad()
def test_the_loss_is_the_notebooks_sum_by_loops():
    method, (x1, x2, y, classes) = small(tau=0.2, l2=0.01), batch()
    n, tau = len(classes), 0.2
    h1, h2 = method.encoder(x1), method.encoder(x2)  # each view by itself: batch norms see it alone
    z1, z2 = (z / z.norm(dim=1, keepdim=True) for z in (method.head(h1), method.head(h2)))
    total = 0.0
    for i in range(n):
        rows, columns = (
            [math.exp(float(a @ b) / tau) for a, b in pairs]
            for pairs in ([(z1[i], z) for z in z2], [(z, z2[i]) for z in z1])
        )
        total -= (math.log(rows[i] / sum(rows)) + math.log(columns[i] / sum(columns))) / n
        logits = [
            float(h1[i] @ w + b)
            for w, b in zip(method.classifier.weight, method.classifier.bias, strict=True)
        ]
        total -= (logits[int(classes[i])] - math.log(sum(map(math.exp, logits)))) / n
    kernels = [
        method.encoder.conv1,
        method.encoder.conv2,
        method.encoder.conv3,
        method.encoder.dense,
        method.head[0],
        method.head[3],
    ]
    total += 0.01 * sum(float(kernel.weight.square().sum()) for kernel in kernels)
    assert method(x1, x2, y).item() == pytest.approx(total, rel=1e-4)


def test_the_probes_gradient_does_not_reach_the_encoder_and_the_contrastive_one_not_the_probe():
    x1, x2, y, _ = batch()
    found = []
    for labels in (y, y.roll(1, 1)):
        method = small()
        method(x1, x2, labels).backward()
        found.append({name: p.grad for name, p in method.named_parameters()})
    for name in found[0]:
        assert torch.equal(found[0][name], found[1][name]) == (not name.startswith("classifier")), (
            name
        )
    other = small(tau=0.5)
    other(x1, x2, y).backward()
    for p, name in (
        (other.classifier.weight, "classifier.weight"),
        (other.classifier.bias, "classifier.bias"),
    ):
        assert torch.equal(p.grad, found[0][name])


def test_head_and_probe_have_the_notebooks_layers():
    method = RandBit(ConvNet(channels=1))
    assert [tuple(p.shape) for p in method.head.parameters()] == [
        (256, 128),
        (256,),
        (256,),
        (64, 256),
    ]  # of the norm a scale and a shift; no other bias
    assert [tuple(p.shape) for p in method.classifier.parameters()] == [(10, 128), (10,)]
    assert not method.classifier.bias.any()
    assert {
        (m.momentum, m.eps)
        for m in method.modules()
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))
    } == {(0.01, 1e-3)}


@pytest.mark.parametrize(
    ("given", "told"),
    [({"l2": -1.0}, "l2 = -1.0"), ({"tau": 0.0}, "tau = 0.0"), ({"blocks": (4, 7)}, "tell 2")],
)
def test_parameters_out_of_range_are_told(given, told):
    with pytest.raises(ValueError, match=told):
        small(**given)


# Epochs


def epoch(cell, n, number):
    """Which of n pictures come in this epoch, in their order."""
    batches = n // cell.training.batch
    steps = range(number * batches, (number + 1) * batches)
    return torch.cat([numbers_in_epoch(cell, n, step, CPU) for step in steps]).tolist()


@pytest.mark.parametrize("order", ["fixed", "shuffled"])
def test_every_instance_comes_once_an_epoch_and_what_fills_no_batch_is_left_out(order):
    cell = cell_of("random_bits", batch=10, order=order, seed=3)
    for number in range(3):
        assert sorted(epoch(cell, 40, number)) == list(range(40))
        assert set(Counter(epoch(cell, 47, number)).values()) == {1}
        assert len(epoch(cell, 47, number)) == 40


def test_a_fixed_order_comes_again_and_a_shuffled_one_does_not():
    for order, same in (("fixed", True), ("shuffled", False)):
        cell = cell_of("random_bits", batch=10, order=order, seed=3)
        assert (epoch(cell, 40, 0) == epoch(cell, 40, 1)) == same
        assert epoch(cell, 40, 0) != list(range(40))
        assert epoch(cell, 40, 0) != epoch(cell.replace(seed=4), 40, 0)


def test_batches_are_of_the_instances_of_their_place_in_the_epoch(cell, context):
    pool = load_pools(cell, context, CPU)[True]
    draw = training_batches(cell.replace(area_min=1.0, aspect=1.0), pool, CPU)
    for step in (0, 7, 21):
        x1, x2, y = draw(step)
        which = numbers_in_epoch(cell, len(pool), step, CPU)
        torch.testing.assert_close(x1[:, 0], pool.images[which] / 255, rtol=0, atol=1e-6)
        assert torch.equal(y.argmax(1), pool.labels[which])
        for i in range(6):
            assert torch.equal(x1[:, 1 + i, 0, 0].long(), pool.hashes[which] >> i & 1)
        assert torch.equal(x1[:, 1:], x2[:, 1:])
        again = draw(step)
        assert all(torch.equal(a, b) for a, b in zip(again, (x1, x2, y), strict=True))


def test_an_interrupted_cell_goes_on_in_its_epoch_and_ends_in_the_same_bits(
    cell, plan, tmp_path, monkeypatch
):
    monkeypatch.setattr(workplace_room, "CHECKPOINT_SECONDS", 0.0)
    whole, broken = (Context(store=tmp_path / name, threads=1) for name in ("whole", "broken"))

    def stop(*event):
        if event[0] == "step" and event[1] == 5:
            raise KeyboardInterrupt

    rows = run_cell(cell, plan.probe, whole)
    with pytest.raises(KeyboardInterrupt):
        run_cell(cell, plan.probe, broken, stop)
    assert run_cell(cell, plan.probe, broken) == rows
    key = cell.key
    ours, theirs = (Store(context.store).weights(key) for context in (whole, broken))
    assert Store(broken.store).about(key)["resumed_at"] >= 4
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def cell_of(data, **given):
    return Run.of({"data": data, "method": "randbit", **given})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"data": "two_digits", "order": "fixed"},
            "TwoDigits draws more than an instance for a scene",
        ),
        ({"data": "random_bits", "net": "convnet", "stem": 2}, "net = convnet has no stem"),
        ({"data": "random_bits", "net": "convnet", "view": 16}, "sees pictures of one size only"),
        ({"data": "random_bits", "net": "convnet", "canvas": 14}, "canvas = 14 px is too small"),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_is_trained(given, told):
    with pytest.raises(UserError, match=told):
        check_cell(cell_of(**given))


def test_a_layer_that_the_net_does_not_have_is_told():
    probe = ProbeSettings(layers=["h", "block4"])
    with pytest.raises(UserError, match="ConvNet has no layer 'block4'; did you mean 'block"):
        check_cell(cell_of("random_bits", net="convnet"), probe)
    check_cell(cell_of("random_bits"), probe)


def test_a_batch_larger_than_an_epoch_is_told(context):
    for given in ({"batch": 2000}, {"batch": 65, "instances": 64}):
        with pytest.raises(UserError, match=r"batch = \d+: an epoch of 'digits' has \d+ instances"):
            check_sources([cell_of("random_bits", order="fixed", **given)], context)


# The probe that is trained along


def test_every_held_out_picture_is_asked_once_as_it_is():
    pool = Pool(
        torch.randint(
            256, (330, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
        ),
        torch.arange(330) % 10,
    )
    seen = []

    class Reader(RandBit):
        """Says 3 to pictures whose first pixel is dark, 4 to others."""

        def classify(self, h):
            return torch.where(h[:, :1] < 100 / 255, torch.eye(10)[3], torch.eye(10)[4])

    class FirstPixel(nn.Module):
        h_dim = 1

        def taps(self, x):
            seen.append(x)
            return {"h": x[:, 0, 0, :1]}

    (row,) = from_the_method_itself(RandomBits(bits=3), ProbeSettings(), Reader(FirstPixel()), pool)
    x = torch.cat(seen)
    torch.testing.assert_close(x[:, 0], pool.images / 255)
    assert torch.equal(x[:, 1:, 5, 9].long(), pool.hashes[:, None] >> torch.arange(3) & 1)
    right = sum(
        label == (3 if image[0, 0] < 100 else 4)
        for image, label in zip(pool.images.tolist(), pool.labels.tolist(), strict=True)
        for image in [torch.tensor(image)]
    )
    units = row.pop("units")
    assert (units.right.sum(), len(units.instances)) == (right, 330)
    assert row == {
        "feature": "class",
        "probe": "online",
        "layer": "h",
        "scenes": "together",
        "cases": 330,
        "accuracy": pytest.approx(right / 330),
        "low": pytest.approx(wilson(right / 330, 330)[0]),
        "high": pytest.approx(wilson(right / 330, 330)[1]),
        "guess": 0.1,
    }
    assert 0 < right < 330


def test_the_recipe_asks_the_layer_trained_along_where_there_is_one_and_a_linear_probe_elsewhere(
    context,
):
    plan = make_plan("randbits_mnist", scale="smoke", pins={"bits": [0], "tau": [0.1]})
    rows = {cell.method: run_cell(cell, plan.probe, context) for cell in plan.cells}
    (row,) = rows["randbit"]
    assert (row["feature"], row["probe"], row["cases"], row["frozen"]) == (
        "class",
        "online",
        500,
        True,
    )
    assert {row["probe"] for row in rows["untrained"]} == {"linear"}


def test_the_laptop_scale_is_the_notebooks():
    for cell in make_plan("randbits_mnist", scale="laptop", pins={"method": ["randbit"]}).cells:
        training = cell.training
        assert (
            training.steps,
            training.batch,
            cell.parameters["net"],
            cell.parameters["width"],
            cell.parameters["canvas"],
        ) == (600, 1000, "convnet", 32, 28)
        assert (
            cell.parameters["head_width"],
            cell.parameters["z_dim"],
            cell.parameters["scaling"],
            cell.parameters["l2"],
            cell.parameters["precision"],
        ) == (256, 64, "notebook", 1e-4, "fp32")
