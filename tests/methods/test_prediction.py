"""BYOL and SimSiam against closed forms, loops and lightly; the two published collapses, seen."""

import math

import pytest
import torch
from torch.nn.functional import interpolate

from suppression.errors import UserError
from suppression.experiment.builders import build_method
from suppression.experiment.validation import check_cell
from suppression.methods import BYOL, SimSiam
from suppression.metrics.representation import participation_ratio
from suppression.training.loop import Training, TrainingStopped, train


class Small(torch.nn.Sequential):
    """(n, 1, side, side) -> (n, 32)."""

    h_dim = 32

    def __init__(self, side, norm):
        super().__init__(
            torch.nn.Flatten(),
            torch.nn.Linear(side * side, 32),
            torch.nn.BatchNorm1d(32) if norm else torch.nn.Identity(),
            torch.nn.ReLU(),
        )


def built(cls, side=4, norm=True, **parameters):
    torch.manual_seed(0)
    return cls(Small(side, norm), **parameters).train()


def views(n=8, seed=1):
    return torch.rand(2, n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def moved(method):
    """Another online network, as after some updates."""
    with torch.no_grad():
        for p in method.parameters():
            if p.requires_grad:
                p.add_(0.3 * torch.randn_like(p))
    return method


def looped(method, aim, x1, x2, *local):
    """The mean cosine between predictions and other views' targets, by a loop over pictures."""
    predictions = [method.predictor(method.embed(x)).tolist() for x in (x1, x2, *local)]
    targets = [aim(x).tolist() for x in (x1, x2)]
    found = [
        cosine(p, t)
        for j in range(2)
        for i in range(len(predictions))
        if i != j
        for p, t in zip(predictions[i], targets[j], strict=True)
    ]
    return sum(found) / len(found)


@pytest.mark.parametrize("local", [0, 3])
def test_simsiam_is_the_loop_over_both_directions(local):
    method, (x1, x2) = built(SimSiam), views()
    small = [views(seed=10 + i)[0] for i in range(local)]
    assert method(x1, x2, torch.zeros(8), *small).item() == pytest.approx(
        -looped(method, method.embed, x1, x2, *small), rel=1e-5
    )


@pytest.mark.parametrize("local", [0, 3])
@pytest.mark.parametrize("targets", [None, "constant", "stop_gradient"])
def test_byol_is_twice_two_less_two_cosines_with_its_targets(targets, local):
    method, (x1, x2) = moved(built(BYOL, targets=targets)), views()
    small = [views(seed=10 + i)[0] for i in range(local)]
    with torch.no_grad():
        mean = looped(
            method, method.embed if targets == "stop_gradient" else method.target, x1, x2, *small
        )
    assert method(x1, x2, torch.zeros(8), *small).item() == pytest.approx(
        2 * (2 - 2 * mean), rel=1e-5
    )


@pytest.mark.parametrize("cls", [SimSiam, BYOL])
def test_the_loss_does_not_know_which_view_is_first(cls):
    (x1, x2), y = views(), torch.zeros(8)
    method = moved(built(cls))
    torch.testing.assert_close(method(x1, x2, y), method(x2, x1, y))


@pytest.mark.parametrize(
    ("cls", "parameters"),
    [
        (SimSiam, {}),
        (BYOL, {}),
        (BYOL, {"targets": "constant"}),
        (BYOL, {"targets": "stop_gradient"}),
    ],
)
def test_no_gradient_reaches_a_target(cls, parameters):
    """The gradient is that of a loss whose targets are numbers, computed before."""
    method, (x1, x2) = built(cls, **parameters), views()
    with torch.no_grad():
        t1, t2 = method.aims((x1, x2), (method.embed(x1), method.embed(x2)))
    method(x1, x2, torch.zeros(8)).backward()
    found = {name: p.grad.clone() for name, p in method.named_parameters() if p.requires_grad}
    method.zero_grad()
    p1, p2 = (method.predictor(method.embed(x)) for x in (x1, x2))
    ((method.pair(p2, t1, t1) + method.pair(p1, t2, t2)) / (2 if cls is SimSiam else 1)).backward()
    for name, p in method.named_parameters():
        if p.requires_grad:
            torch.testing.assert_close(found[name], p.grad, rtol=1e-4, atol=1e-6)
    assert all(p.grad is None for name, p in method.named_parameters() if name.startswith("target"))


def test_the_target_of_byol_follows_the_papers_schedule():
    method = built(BYOL, ema=0.9)
    expected = method.encoder[1].weight.detach().clone()
    for step in range(1, 6):
        moved(method)
        share = 1 - (1 - 0.9) * (math.cos(math.pi * step / 5) + 1) / 2
        expected = share * expected + (1 - share) * method.encoder[1].weight.detach()
        method.after_step(step / 5)
        torch.testing.assert_close(method.target[0][1].weight.detach(), expected)
    assert share == 1  # at the end it stands still


def test_a_constant_target_is_a_network_drawn_apart_and_leaves_the_online_one_as_it_was(cell_with):
    plain, method = (
        build_method(cell_with("byol").replace(targets=targets)) for targets in (None, "constant")
    )
    for start, online, other in zip(
        *(
            list(net.requires_grad_(False).parameters())
            for net in (plain.encoder, method.encoder, method.target[0])
        ),
        strict=True,
    ):
        assert torch.equal(start, online)
        if start.ndim > 1:
            chance = 5 / start.numel() ** 0.5
            assert (
                abs(float(torch.corrcoef(torch.stack([online.flatten(), other.flatten()]))[0, 1]))
                < chance
            )
            assert float(other.std()) == pytest.approx(float(online.std()), rel=chance)


def test_a_constant_target_never_moves_though_its_batch_norms_see_its_own_batches():
    method = built(BYOL, targets="constant")
    before = {name: value.clone() for name, value in method.target.state_dict().items()}
    moved(method)(*views(), torch.zeros(8))
    method.after_step(0.5)
    after = method.target.state_dict()
    assert all(
        torch.equal(before[name], after[name]) is ("running" not in name and "tracked" not in name)
        for name in before
    )


def test_stop_gradient_is_a_moving_average_that_keeps_nothing():
    """Right after the update of an average with ema 0, both targets are the same network."""
    losses = []
    for parameters in ({"ema": 0.0}, {"targets": "stop_gradient"}):
        method = moved(built(BYOL, **parameters))
        method.after_step(1e-9)
        losses.append(method(*views(), torch.zeros(8)).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_a_fixed_predictor_is_not_trained_and_its_learning_rate_is_kept_only_where_it_is():
    assert not any(
        p.requires_grad for p in built(SimSiam, predictor="fixed").predictor.parameters()
    )
    assert list(built(SimSiam, predictor="identity").predictor.parameters()) == []
    method = built(SimSiam)
    assert {id(p) for p in method.steady()} == {id(p) for p in method.predictor.parameters()}
    assert built(SimSiam, predictor_lr="decayed").steady() == built(BYOL).steady() == []


def widths(module):
    return [
        (layer.in_features, layer.out_features)
        for layer in module
        if isinstance(layer, torch.nn.Linear)
    ]


def norms(module):
    return sum(isinstance(layer, torch.nn.BatchNorm1d) for layer in module)


def test_heads_and_predictors_are_the_papers():
    simsiam, byol = built(SimSiam, z_dim=20), built(BYOL, z_dim=20)
    assert (widths(simsiam.head), norms(simsiam.head)) == ([(32, 32), (32, 32), (32, 20)], 3)
    assert (widths(simsiam.predictor), norms(simsiam.predictor)) == ([(20, 5), (5, 20)], 1)
    assert (widths(byol.head), norms(byol.head)) == ([(32, 32), (32, 20)], 1)
    assert (widths(byol.predictor), norms(byol.predictor)) == ([(20, 32), (32, 20)], 1)
    bare = built(
        SimSiam, head="identity", predictor_layers=3, predictor_width=7, predictor_bn="off"
    )
    assert (widths(bare.predictor), norms(bare.predictor)) == ([(32, 7), (7, 7), (7, 32)], 0)


def trace(cls, *, lr, steps, collapse=None, **parameters):
    """What is logged of a training on random 4 x 4 mosaics under noise; its weight decay shortens
    the way to a collapse to seconds."""
    rows = []

    class Keeper:
        def log(self, row):
            rows.append(row)

        def due(self):
            return False

        def load(self):
            return None

    def draw(step):
        rng = torch.Generator().manual_seed(step)
        x = interpolate(torch.rand(32, 1, 4, 4, generator=rng), size=12)
        return *(
            (x + 0.2 * torch.rand(x.shape, generator=rng)).clamp(0, 1) for _view in range(2)
        ), torch.zeros(32)

    training = Training(samples=32 * steps, batch=32, lr=lr, weight_decay=1.0, collapse=collapse)
    train(
        built(cls, side=12, **parameters),
        draw,
        training=training,
        device=torch.device("cpu"),
        keeper=Keeper(),
    )
    return rows


TO_A_POINT = [(SimSiam, {}), (BYOL, {"targets": "stop_gradient"})]


@pytest.mark.parametrize(("cls", "parameters"), TO_A_POINT)
def test_without_predictor_and_norms_a_training_collapses_to_a_point_and_is_stopped(
    cls, parameters
):
    with pytest.raises(TrainingStopped, match="collapsed to one point"):
        trace(
            cls, lr=5e-2, steps=300, predictor="identity", head_bn="off", norm=False, **parameters
        )


@pytest.mark.parametrize(("cls", "parameters"), TO_A_POINT)
def test_a_collapse_that_goes_on_ends_and_is_seen_in_the_trace(cls, parameters):
    rows = trace(
        cls,
        lr=5e-2,
        steps=300,
        collapse="go_on",
        predictor="identity",
        head_bn="off",
        norm=False,
        **parameters,
    )
    assert rows[-1]["step"] == 299
    assert rows[-1]["spread"] < 1e-3 < 5e-2 < rows[0]["spread"]


@pytest.mark.parametrize("cls", [SimSiam, BYOL])
def test_as_published_with_predictor_and_norms_neither_collapses_under_the_same_training(cls):
    rows = trace(cls, lr=5e-2, steps=300)
    assert min(row["spread"] for row in rows) > 0.5


def test_batch_norm_behind_the_head_keeps_simsiams_spread_without_a_predictor_but_not_its_rank():
    none, mlp = (
        trace(SimSiam, lr=2e-2, steps=200, predictor=predictor)[-20:]
        for predictor in ("identity", "mlp")
    )
    assert min(row["spread"] for row in none) > 0.9
    assert max(row["directions"] for row in none) < min(row["directions"] for row in mlp)


def test_byol_at_tau_0_keeps_one_direction_where_a_moving_target_keeps_several():
    """The published collapse (Grill et al., Table 5a), with its predictor; it is one of rank, and
    the spread does not see it."""
    still, moving = (
        trace(BYOL, lr=2e-2, steps=200, targets=targets, head_bn="off", predictor_bn="off")[-20:]
        for targets in ("stop_gradient", None)
    )
    assert max(row["directions"] for row in still) < 2 < min(row["directions"] for row in moving)
    assert min(row["spread"] for row in still) > 0.1


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("byol", {"ema": -0.1}, "ema = -0.1 is not in"),
        ("byol", {"ema": 1.01}, "ema = 1.01 is not in"),
        ("byol", {"predictor_layers": 0}, "predictor_layers = 0"),
        ("simsiam", {"predictor_width": 0}, "predictor_width = 0"),
    ],
)
def test_a_parameter_out_of_range_is_told(name, given, told, cell_with):
    with pytest.raises(UserError, match=told):
        check_cell(cell_with(name).replace(**given))


def test_the_participation_ratio_counts_directions():
    corners = torch.cat([torch.eye(6), -torch.eye(6)])
    for d in range(1, 7):
        assert participation_ratio(
            torch.cat([corners[:d], corners[6 : 6 + d]])
        ).item() == pytest.approx(d)
    assert participation_ratio(torch.ones(5, 3)).item() == 0


def test_the_negative_cosine_is_lightlys():
    lightly = pytest.importorskip("lightly.loss")
    p, z = torch.randn(2, 16, 8)
    torch.testing.assert_close(
        built(SimSiam).pair(p, z, z), lightly.NegativeCosineSimilarity()(p, z), rtol=1e-5, atol=1e-5
    )
