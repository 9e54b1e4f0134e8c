"""What methods share: parameters handed up, heads, local crops, finite sets, rates, collapses."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError
from suppression.execution.batches import load_pools, training_batches
from suppression.execution.store import Store
from suppression.execution.timing import bf16_is_faster
from suppression.experiment.builders import build_method
from suppression.experiment.plan import make_plan
from suppression.experiment.schema import parameters_of
from suppression.experiment.validation import check_cell
from suppression.losses.contrastive import nt_xent
from suppression.methods import METHODS, Method
from suppression.methods._projection import Projected
from suppression.metrics.representation import contrastive_metrics
from suppression.models.heads import Head
from suppression.models.resnet import ResNet
from suppression.training.loop import Training, TrainingStopped, train

CPU = torch.device("cpu")


class Mean(nn.Module):
    """An encoder of pictures of any size: the mean of each channel."""

    h_dim = 3

    def forward(self, x):
        return x.mean((2, 3))


class Numbered(Method):
    """Looks at which picture it is."""

    instanced = True

    def __init__(self, encoder, images: int) -> None:
        super().__init__(encoder)
        self.images = images


def cell_of(experiment="digit_size", method="simclr", **pins):
    pins = {name: [value] for name, value in pins.items()} | (
        {"tau": [0.2]} if method == "simclr" else {}
    )
    return make_plan(experiment, scale="smoke", pins={"method": [method]} | pins).cells[0]


# Parameters


def test_a_class_that_takes_parameters_has_those_of_the_classes_above_up_to_one_that_takes_none():
    class Bottom(Method):
        def __init__(self, encoder, *, hidden: int = 1) -> None: ...

    class Above(Bottom):
        def __init__(self, encoder, *, depth: int = 2, width: int = 3) -> None: ...

    class Between(Above):
        """Declares nothing."""

    class Below(Between):
        def __init__(self, encoder, *, depth: float = 0.5, **parameters) -> None: ...

    assert {
        parameter.name: (parameter.type, parameter.default)
        for parameter in parameters_of(Below, "")
    } == {"depth": (float, 0.5), "width": (int, 3)}
    assert [parameter.name for parameter in parameters_of(Between, "")] == ["depth", "width"]
    assert [parameter.name for parameter in parameters_of(Bottom, "")] == ["hidden"]


# Heads


def test_a_head_without_batch_norm_is_linear_layers_with_relu_between():
    torch.manual_seed(0)
    head, x = Head(5, layers=3, width=7, z_dim=4, bn="off"), torch.randn(6, 5)
    layers = [module for module in head if isinstance(module, nn.Linear)]
    assert [
        (layer.in_features, layer.out_features, layer.bias is not None) for layer in layers
    ] == [(5, 7, True), (7, 7, True), (7, 4, True)]
    expected = x
    for i, layer in enumerate(layers):
        expected = expected @ layer.weight.T + layer.bias
        expected = expected.clamp(min=0) if i < 2 else expected
    torch.testing.assert_close(head(x), expected)


@pytest.mark.parametrize("kind", ["identity", "linear", "mlp"])
def test_a_head_with_batch_norm_everywhere_has_outputs_of_mean_0_and_variance_1_without_gain(kind):
    torch.manual_seed(0)
    head, plain = (Head(5, head=kind, z_dim=4, bn=bn) for bn in ("all", None))
    z = head(3 * torch.randn(64, 5) + 1)
    assert z.shape == (64, 5 if kind == "identity" else 4)
    torch.testing.assert_close(z.mean(0), torch.zeros(z.shape[1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.var(0, unbiased=False), torch.ones(z.shape[1]), atol=1e-3, rtol=0)
    fewer = (
        0 if kind == "identity" else 4
    )  # the last layer's bias, which the batch norm would take away
    assert (
        sum(p.numel() for p in plain.parameters()) - sum(p.numel() for p in head.parameters())
        == fewer
    )


# Inner products in place of cosines


def vectors(n=5, d=4):
    return torch.randn(
        2, n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    ).unbind()


@pytest.mark.parametrize("scaling", ["algorithm1", "repository", "notebook"])
def test_nt_xent_without_normalisation_equals_the_loop_over_inner_products(scaling):
    (z1, z2), tau = vectors(), 3.0
    total = 0.0
    for a, b in ((z1, z2), (z2, z1)):
        for i in range(len(a)):
            others = (
                [*b] if scaling == "notebook" else [*b, *(a[k] for k in range(len(a)) if k != i)]
            )
            total -= math.log(
                math.exp(float(a[i] @ b[i]) / tau)
                / sum(math.exp(float(a[i] @ z) / tau) for z in others)
            )
    expected = total / (2 * len(z1)) if scaling == "algorithm1" else total / len(z1)
    assert nt_xent(z1, z2, tau=tau, scaling=scaling, norm=False).item() == pytest.approx(
        expected, rel=1e-12
    )


def test_contrastive_metrics_without_normalisation_are_of_inner_products_where_of_the_task():
    (z1, z2), tau = vectors(), 3.0
    z, n = torch.cat([z1, z2]), len(z1)
    found, entropy = 0, 0.0
    for i in range(2 * n):
        similarity = {j: float(z[i] @ z[j]) for j in range(2 * n) if j != i}
        found += max(similarity, key=similarity.get) == (i + n) % (2 * n)
        total = sum(math.exp(s / tau) for s in similarity.values())
        entropy -= sum(
            math.exp(s / tau) / total * math.log(math.exp(s / tau) / total)
            for s in similarity.values()
        )
    off, on = (contrastive_metrics(z1, z2, tau=tau, norm=norm) for norm in (False, True))
    assert off["contrast_accuracy"].item() == pytest.approx(found / (2 * n))
    assert off["contrast_entropy"].item() == pytest.approx(entropy / (2 * n), rel=1e-5)
    assert off["contrast_entropy"].item() != pytest.approx(on["contrast_entropy"].item(), rel=1e-2)
    assert all(torch.equal(off[name], on[name]) for name in ("alignment", "uniformity", "spread"))
    unit = normalize(z, dim=1)
    assert off["alignment"].item() == pytest.approx(
        sum(float((unit[i] - unit[i + n]).square().sum()) for i in range(n)) / n, rel=1e-5
    )


# Augmentation


def test_with_one_branch_the_second_view_is_a_crop_and_nothing_else(context):
    """Seen where a crop can only be the whole canvas: it then is the picture itself, which no
    augmentation of the first view leaves as it is."""
    cell = cell_of(area_min=1.0, area_max=1.0, aspect=1.0, noise=1.0, cutout=1.0, one_branch="true")
    pool = load_pools(cell, context, CPU)[True]
    plain = training_batches(cell.replace(noise=0.0, cutout=0.0, one_branch=None), pool, CPU)(0)
    x1, x2, _ = training_batches(cell, pool, CPU)(0)
    assert torch.equal(x2, plain[1])
    assert (x1 - x2).abs().amax((1, 2, 3)).min() > 0.1


@pytest.mark.parametrize(
    ("given", "low", "high", "side"),
    [({}, 0.05, 0.14, 16), ({"local_min": 0.2, "local_max": 0.3, "local_view": 9}, 0.2, 0.3, 9)],
)
def test_local_crops_show_their_share_of_the_picture_at_their_size(given, low, high, side):
    small = Augmentation(view=31, local=3, area_min=0.5, flip=0.5, **given).small(40)
    height, width = small.draw(2000, 40, torch.Generator().manual_seed(0))["crop"][:, 2:].unbind(1)
    share = height * width / 40**2
    assert low - 1e-5 <= share.min() < low + 0.01 < high - 0.01 < share.max() <= high + 1e-5
    assert small.view == side
    assert small.flip == 0.5
    assert small.local is None


def test_a_batch_has_its_local_crops_behind_the_labels_with_the_bits_of_their_pictures(context):
    cell = cell_of("random_bits", local=3, bits=4, batch=8)
    x1, _, _, *local = training_batches(cell, load_pools(cell, context, CPU)[True], CPU)(0)
    side, planes = x1.shape[-1], cell.dataset.planes
    assert planes > 0
    assert len(local) == 3
    for small in local:
        assert small.shape == (8, x1.shape[1], -(-side // 2), -(-side // 2))
        for i in range(8):  # planes are of one value each
            assert all(bool((small[i, -k] == x1[i, -k, 0, 0]).all()) for k in range(1, planes + 1))
    assert not torch.equal(local[0], local[1])
    assert len(x1[:, -planes:, 0, 0].unique(dim=0)) > 1
    assert (
        len(
            training_batches(cell.replace(local=None), load_pools(cell, context, CPU)[True], CPU)(0)
        )
        == 3
    )


def test_local_crops_leave_the_two_views_as_they_were(context):
    cell = cell_of()
    pool = load_pools(cell, context, CPU)[True]
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            training_batches(cell, pool, CPU)(0),
            training_batches(cell.replace(local=2), pool, CPU)(0),
            strict=False,
        )
    )


def test_the_loss_with_local_crops_is_the_mean_over_pairs_of_a_global_view_with_another():
    class Apart(Projected):
        def pair(self, z1, z2, y):
            return (2 * z1 - z2).square().sum(1).mean()

    torch.manual_seed(0)
    method = Apart(Mean(), head="linear", z_dim=4)
    x1, x2, *local = (torch.rand(6, 3, side, side) for side in (8, 8, 4, 4, 4))
    with torch.no_grad():
        z = [
            x.mean((2, 3)) @ method.head[0].weight.T + method.head[0].bias for x in (x1, x2, *local)
        ]
        losses = [
            sum(((2 * z[i][k] - z[j][k]) ** 2).sum() for k in range(6)) / 6
            for i in (0, 1)
            for j in range(i + 1, 5)
        ]
        assert len(losses) == 7
        torch.testing.assert_close(method(x1, x2, torch.zeros(6), *local), sum(losses) / 7)
        torch.testing.assert_close(method(x1, x2, torch.zeros(6)), losses[0])


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"local": 2, "local_view": 500}, "local_view = 500 px is larger than the canvas"),
        (
            {"local_view": 12},
            "local_view says how local crops are made, and there are none: give local",
        ),
        ({"local_min": 0.1, "local_max": 0.2}, "local_min, local_max says how"),
        ({"local": 0}, "local = 0: one local crop is the least"),
        ({"local": 2, "local_min": 0.3}, "area_min = 0.3, area_max = 0.14"),
        ({"local": 2, "local_view": 3}, "view = 3 px is too small"),
        ({"images": 8}, "images = 8: an epoch is not one batch of"),
        ({"images": 64, "order": "fixed"}, "order = fixed is of a source's instances"),
    ],
)
def test_what_cannot_be_drawn_is_told_before_any_work(parameters, told):
    with pytest.raises(UserError, match=told):
        check_cell(cell_of().replace(**parameters))


# Finite sets of pictures


@pytest.fixture
def numbered(monkeypatch):
    monkeypatch.setitem(METHODS, "numbered", Numbered)


def test_each_picture_comes_once_an_epoch_and_is_the_same_one_every_time(numbered, context):
    cell = cell_of(method="numbered", images=11, batch=4, area_min=1.0, aspect=1.0)
    pool = load_pools(cell, context, CPU)[True]
    assert build_method(cell, pool).images == 11
    draw, known, orders = training_batches(cell, pool, CPU), {}, []
    for epoch in range(5):
        seen = []
        for step in (
            2 * epoch,
            2 * epoch + 1,
        ):  # 11 pictures are two batches of 4; three are left out
            x1, _, number = draw(step)
            for i, picture in zip(number.tolist(), x1, strict=True):
                assert torch.equal(known.setdefault(i, picture), picture)
                seen.append(i)
        assert len(set(seen)) == 8
        orders.append(tuple(seen))
    assert set(known) == set(range(11))
    assert len(set(orders)) == 5
    assert len(torch.stack(list(known.values())).unique(dim=0)) == 11


def test_a_method_that_tells_pictures_apart_needs_a_finite_set(numbered):
    cell = cell_of(method="numbered", images=64)
    check_cell(cell)
    with pytest.raises(
        UserError, match="numbered tells a finite set of pictures apart: give images, or the order"
    ):
        check_cell(cell.replace(images=None))


# Rates


@pytest.mark.parametrize(("scaling", "peak"), [(None, 0.8), ("linear", 0.2), ("sqrt", 0.4)])
def test_the_learning_rate_is_scaled_with_the_batch(scaling, peak):
    assert Training(lr=0.8, batch=64, lr_scaling=scaling).peak == pytest.approx(peak)


class Pulled(Method):
    """Two parameters with known gradients: 1 and 2."""

    def __init__(self, spread: float = 1.0) -> None:
        super().__init__(nn.Identity())
        self.falling, self.kept, self.spread, self.loss = (
            nn.Parameter(torch.zeros(1, 1)),
            nn.Parameter(torch.zeros(1, 1)),
            spread,
            1.0,
        )

    def steady(self):
        return [self.kept]

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        self.metrics = {"spread": torch.tensor(self.spread)}
        return (self.falling + 2 * self.kept).sum() * self.loss


def test_a_steady_parameter_keeps_its_peak_rate_while_others_follow_the_schedule():
    method, x = Pulled(), torch.zeros(2, 1, 4, 4)
    training = Training(
        samples=20,
        batch=2,
        optimiser="sgd",
        lr=0.5,
        lr_scaling="sqrt",
        weight_decay=0.0,
        warmup=0.2,
    )
    train(method, lambda step: (x, x, x), training=training, device=CPU)
    peak, steps = 0.5 * math.sqrt(2 / 256), 10
    rates = [
        (step + 1) / 2 if step < 2 else 0.5 * (1 + math.cos(math.pi * (step - 2) / (steps - 2)))
        for step in range(steps)
    ]
    falling, kept, momentum = 0.0, 0.0, 0.0
    for rate in rates:
        momentum = 0.9 * momentum + 1
        falling -= peak * rate * (1 + 0.9 * momentum)  # Nesterov
        kept -= peak * 2 * (1 + 0.9 * momentum)
    assert method.falling.item() == pytest.approx(falling, rel=1e-4)
    assert method.kept.item() == pytest.approx(kept, rel=1e-4)


def test_a_collapse_stops_training_unless_it_shall_be_seen_and_nan_always_does():
    x = torch.zeros(2, 1, 4, 4)
    how = {"samples": 20, "batch": 2}
    with pytest.raises(TrainingStopped, match="collapsed"):
        train(Pulled(spread=0.0), lambda step: (x, x, x), training=Training(**how), device=CPU)
    seen = []
    train(
        Pulled(spread=0.0),
        lambda step: (x, x, x),
        training=Training(**how, collapse="go_on"),
        device=CPU,
        on_step=lambda step, loss: seen.append(step),
    )
    assert seen == list(range(1, 11))
    broken = Pulled(spread=0.0)
    broken.loss = math.nan
    with pytest.raises(TrainingStopped, match="loss is nan"):
        train(
            broken, lambda step: (x, x, x), training=Training(**how, collapse="go_on"), device=CPU
        )


def test_a_pair_of_augmentations_is_all_that_its_recipe_does_beside_the_crop():
    plan = make_plan("augmentation_pairs", scale="laptop")
    for cell in plan.cells:
        if cell.method == "simclr":
            drawn = cell.augmentation.draw(2, 8, torch.Generator().manual_seed(0), channels=3)
            kinds = {"rotate": {"quarter"}, "jitter": {"jitter", "gray"}}
            assert set(drawn) == {"crop"} | kinds.get(
                cell.parameters["op1"], {cell.parameters["op1"]}
            ) | kinds.get(cell.parameters["op2"], {cell.parameters["op2"]})


def test_a_net_that_is_not_trained_can_be_timed_in_both_precisions(tmp_path):
    net = ResNet(width=2, stem=1, channels=1).requires_grad_(False)
    bf16_is_faster(net, torch.rand(4, 1, 8, 8), torch.device("cpu"), Store(tmp_path))
    assert not any(p.requires_grad for p in net.parameters())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"method": "simclr", "z_dim": -1}, "z_dim = -1"),
        ({"method": "simclr", "head_width": 0}, "head_width = 0"),
        ({"method": "randbit", "local": 2}, "local = 2: randbit is the released notebook"),
        ({"method": "cpc", "patch": 9}, "patch = 9 px, ahead = 3: a view of"),
        (
            {"method": "simclr", "local": 2, "local_view": 14, "view": 12},
            "local_view = 14 px is larger than the view of 12 px",
        ),
    ],
)
def test_what_cannot_be_trained_is_told_before_the_first_second_of_work(given, told, cell_with):
    with pytest.raises(UserError, match=told):
        check_cell(cell_with(given["method"]).replace(**given))
