"""Methods that predict codes, numbers, patches or pixels, against loops and other libraries."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import nn
from torch.nn.functional import cosine_similarity, normalize

from suppression.errors import UserError
from suppression.execution.batches import load_pools, training_batches
from suppression.execution.runner import run_cell
from suppression.experiment.builders import build_method
from suppression.experiment.validation import check_cell
from suppression.losses.prototypes import perplexity, sinkhorn, swapped
from suppression.methods import CPC, DINO, METHODS, Autoencoder, InstDisc, SwAV
from suppression.models.convnet import ConvNet
from suppression.models.resnet import ResNet
from suppression.training.loop import Training, train

CPU = torch.device("cpu")
NEW = ["swav", "dino", "instdisc", "cpc", "autoencoder"]


class Flat(nn.Module):
    """Means of the quarters of a picture, of any size, (n, 4 channels)."""

    def __init__(self, channels=1):
        super().__init__()
        self.h_dim = 4 * channels

    def forward(self, x):
        return nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def views(n=6, sides=(8, 8, 4, 4, 4), channels=1):
    return [torch.rand(n, channels, side, side, generator=rng(i)) for i, side in enumerate(sides)]


def built(cls, *told, **parameters):
    torch.manual_seed(0)
    return cls(
        Flat(), *told, **({} if cls is Autoencoder else {"head": "linear", "z_dim": 5}) | parameters
    )


# SwAV


@pytest.mark.parametrize("iterations", [1, 3])
def test_sinkhorn_equals_its_loop_over_scaling_vectors(iterations):
    scores, epsilon = torch.rand(6, 4, generator=rng(), dtype=torch.float64), 0.2
    n, k = scores.shape
    kernel = [[math.exp(float(scores[i, j]) / epsilon) for j in range(k)] for i in range(n)]
    rows, cols = [1.0] * n, [1.0] * k
    for _ in range(iterations):
        cols = [1 / (k * sum(kernel[i][j] * rows[i] for i in range(n))) for j in range(k)]
        rows = [1 / (n * sum(kernel[i][j] * cols[j] for j in range(k))) for i in range(n)]
    expected = [[n * rows[i] * kernel[i][j] * cols[j] for j in range(k)] for i in range(n)]
    torch.testing.assert_close(
        sinkhorn(scores, epsilon=epsilon, iterations=iterations),
        torch.tensor(expected, dtype=torch.float64),
    )


def test_codes_share_out_samples_and_with_many_iterations_prototypes_alike():
    scores = torch.randn(12, 4, generator=rng(), dtype=torch.float64)
    few, many = (sinkhorn(scores, epsilon=0.5, iterations=i) for i in (1, 500))
    for codes in (few, many):
        torch.testing.assert_close(codes.sum(1), torch.ones(12, dtype=torch.float64))
    torch.testing.assert_close(many.sum(0), torch.full((4,), 3.0, dtype=torch.float64))
    assert (few.sum(0) - 3).abs().max() > 1e-3


def test_at_little_entropy_codes_are_the_best_assignment():
    scores = torch.rand(7, 7, generator=rng(), dtype=torch.float64)
    codes = sinkhorn(scores, epsilon=0.002, iterations=3000)
    assert (
        codes.argmax(1).tolist() == linear_sum_assignment(scores.numpy(), maximize=True)[1].tolist()
    )
    assert codes.amax(1).min() > 0.9


def test_scores_of_any_size_do_not_overflow():
    codes = sinkhorn(1000 * torch.randn(5, 3, generator=rng()), epsilon=0.05, iterations=3)
    assert codes.isfinite().all()
    torch.testing.assert_close(codes.sum(1), torch.ones(5))


def test_the_swapped_loss_is_a_loop_over_code_views_and_views_that_predict():
    codes = [torch.rand(3, 4, generator=rng(i)) for i in range(2)]
    log_p = [torch.randn(3, 4, generator=rng(9 + i)).log_softmax(1) for i in range(4)]
    total, terms = 0.0, 0
    for i, j in product(range(2), range(4)):
        if i != j:
            total -= (
                sum(float(codes[i][a, b] * log_p[j][a, b]) for a, b in product(range(3), range(4)))
                / 3
            )
            terms += 1
    assert terms == 6
    assert swapped(codes, log_p).item() == pytest.approx(total / terms, rel=1e-5)


@pytest.mark.parametrize("local", [0, 3])
def test_swav_equals_lightlys_loss(local):
    lightly = pytest.importorskip("lightly.loss")
    method, (x1, x2, *small) = built(SwAV, prototypes=7, tau=0.2, epsilon=0.1), views()
    with torch.no_grad():
        scores = [
            normalize(method.head(method.encoder(x))) @ method.prototypes.T
            for x in (x1, x2, *small[:local])
        ]
        expected = lightly.SwaVLoss(temperature=0.2, sinkhorn_iterations=3, sinkhorn_epsilon=0.1)(
            scores[:2], scores[2:]
        )
    torch.testing.assert_close(
        method(x1, x2, torch.zeros(6), *small[:local]), expected[0], rtol=1e-5, atol=1e-6
    )


def test_no_gradient_runs_through_the_codes():
    """By hand: with codes as constants, the loss's derivative by the scores is
    (softmax - code) / tau over the number of terms."""
    method, (x1, x2, *_) = built(SwAV, prototypes=7), views()
    method(x1, x2, torch.zeros(6)).backward()
    with torch.no_grad():
        z = [normalize(method.head(method.encoder(x))) for x in (x1, x2)]
        codes = [sinkhorn(each @ method.prototypes.T, epsilon=0.05, iterations=3) for each in z]
        expected = sum(
            (((z[j] @ method.prototypes.T) / 0.1).softmax(1) - codes[1 - j]).T @ z[j] / 0.1 / 6 / 2
            for j in (0, 1)
        )
    torch.testing.assert_close(method.prototypes.grad, expected, rtol=1e-4, atol=1e-5)


def test_prototypes_have_length_1_before_and_after_a_step():
    method, (x1, x2, *_) = built(SwAV, prototypes=7), views()
    one = torch.ones(7)
    torch.testing.assert_close(method.prototypes.norm(dim=1), one)
    train(
        method,
        lambda step: (x1, x2, torch.zeros(6)),
        training=Training(samples=18, batch=6, lr=0.1),
        device=CPU,
    )
    torch.testing.assert_close(method.prototypes.norm(dim=1), one)


def test_perplexity_is_how_many_outputs_are_in_use():
    used = torch.eye(8)[torch.arange(6) % 3]
    assert perplexity(used).item() == pytest.approx(3, rel=1e-5)
    assert perplexity(torch.full((4, 8), 1 / 8)).item() == pytest.approx(8, rel=1e-5)


@pytest.mark.parametrize("name", ["swav", "dino"])
def test_prototypes_fewer_than_classes_are_noted_before_training(name, cell_with, plan, context):
    told = []
    for prototypes in (9, 10):
        cell = cell_with(name).replace(prototypes=prototypes, samples=64)
        run_cell(
            cell,
            plan.probe,
            context,
            lambda *event: (
                told.append(event[1]) if event[0] == "note" and "prototypes" in event[1] else None
            ),
        )
    assert len(told) == 1
    assert told[0].startswith("prototypes = 9 is fewer than the 10 classes")


# DINO


@pytest.mark.parametrize("local", [0, 3])
def test_dino_equals_lightlys_loss_and_its_centre(local):
    lightly = pytest.importorskip("lightly.loss")
    method, (x1, x2, *small) = built(DINO, prototypes=7), views()
    with torch.no_grad():
        method.prototypes.add_(
            0.3 * torch.randn(7, 5, generator=rng())
        )  # so that student and teacher differ, and lengths are not 1
    theirs, loss_of = (
        [],
        lightly.DINOLoss(
            output_dim=7,
            teacher_temp=0.04,
            warmup_teacher_temp_epochs=0,
            student_temp=0.1,
            center_momentum=0.9,
        ),
    )
    for a, b in ((x1, x2), (x2, x1.flip(0))):  # the second with a centre that has moved
        with torch.no_grad():
            z = [method.head(method.encoder(x)) for x in (a, b, *small[:local])]
            student, teacher = (
                [torch.stack([cosine_similarity(each, w[None]) for w in way], 1) for each in z]
                for way in (method.prototypes, method.teacher.prototypes)
            )
            if (
                not local
            ):  # lightly wants as many views of both, or its diagonal is not what is alike
                theirs.append(loss_of(teacher[:2], student))
                expected = theirs[-1]
            else:
                expected = (
                    sum(
                        -(
                            ((teacher[i] - method.centre) / 0.04).softmax(1)
                            * (student[j] / 0.1).log_softmax(1)
                        )
                        .sum(1)
                        .mean()
                        for i, j in product(range(2), range(5))
                        if i != j
                    )
                    / 8
                )
        torch.testing.assert_close(
            method(a, b, torch.zeros(6), *small[:local]), expected, rtol=1e-5, atol=1e-5
        )
        if not local:
            torch.testing.assert_close(
                method.centre, loss_of.center.flatten(), rtol=1e-5, atol=1e-6
            )
    assert method.centre.abs().max() > 0


def test_the_teacher_is_the_moving_average_of_the_student_and_stands_still_at_the_end():
    method = built(DINO, prototypes=7, ema=0.9)
    start = method.prototypes.detach().clone()
    with torch.no_grad():
        method.prototypes.fill_(2.0)
        method.head[0].weight.fill_(3.0)
        head = method.teacher["head"][0].weight.clone()
    method.after_step(0.5)  # half of 1 - ema is left
    torch.testing.assert_close(method.teacher.prototypes, 0.95 * start + 0.05 * 2)
    torch.testing.assert_close(method.teacher["head"][0].weight, 0.95 * head + 0.05 * 3)
    before = method.teacher.prototypes.clone()
    method.after_step(1.0)
    torch.testing.assert_close(method.teacher.prototypes, before)


def test_the_teacher_has_no_gradient_and_evaluation_moves_no_centre():
    method, (x1, x2, *_) = built(DINO, prototypes=7), views()
    assert not any(p.requires_grad for p in method.teacher.parameters())
    method.eval()
    method(x1, x2, torch.zeros(6)).backward()
    assert not method.centre.any()


# InstDisc


def test_instances_is_the_softmax_over_the_bank_by_a_loop_and_the_bank_moves_by_half():
    method, (x1, x2, *small) = built(InstDisc, 9), views()
    number = torch.arange(6).flip(0) + 2
    bank = method.bank.clone()
    torch.testing.assert_close(bank.norm(dim=1), torch.ones(9))
    with torch.no_grad():
        z = [normalize(method.head(method.encoder(x))) for x in (x1, x2, *small)]
        losses = []
        for each, i in product(z, range(6)):
            scores = [math.exp(float(each[i] @ bank[j]) / 0.07) for j in range(9)]
            losses.append(-math.log(scores[number[i]] / sum(scores)))
    assert method(x1, x2, number, *small).item() == pytest.approx(
        sum(losses) / len(losses), rel=1e-4
    )
    method.after_step(0.1)
    for i in range(6):
        new = 0.5 * bank[number[i]] + 0.25 * z[0][i] + 0.25 * z[1][i]
        torch.testing.assert_close(method.bank[number[i]], new / new.norm())
    assert torch.equal(method.bank[[0, 1, 8]], bank[[0, 1, 8]])


def test_instdisc_has_a_place_for_every_picture(cell_with, context):
    cell = cell_with("instdisc")
    pool = load_pools(cell, context, CPU)[True]
    assert len(build_method(cell, pool).bank) == cell.parameters["images"] == 256
    assert len(build_method(cell.replace(images=None, order="shuffled"), pool).bank) == len(pool)
    with pytest.raises(UserError, match="instdisc tells a finite set of pictures apart"):
        check_cell(cell.replace(images=None))


# CPC


def test_cpc_is_infonce_over_all_patches_of_a_view_by_a_loop():
    method, (x1, x2, *_) = built(CPC, patch=4, tau=0.5), views(n=3, sides=(10, 10))
    losses = []
    with torch.no_grad():
        for x in (x1, x2):
            z, h = {}, torch.zeros(3, 4, 4, 4)
            for i, row, col in product(range(3), range(4), range(4)):
                h[i, row, col] = method.encoder(
                    x[i : i + 1, :, 2 * row : 2 * row + 4, 2 * col : 2 * col + 4]
                )[0]
                z[i, row, col] = method.head(h[i : i + 1, row, col])[0]
            context = method.context(h)
            for k, predict in zip((2, 3), method.predict, strict=True):
                terms = []
                for i, row, col in product(range(3), range(4 - k), range(4)):
                    guess = predict(context[i, row, col])
                    scores = {at: math.exp(float(guess @ other) / 0.5) for at, other in z.items()}
                    terms.append(-math.log(scores[i, row + k, col] / sum(scores.values())))
                losses.append(sum(terms) / len(terms))
    assert method(x1, x2, torch.zeros(3)).item() == pytest.approx(sum(losses) / 4, rel=1e-4)


def test_a_context_knows_nothing_of_the_rows_below():
    method = built(CPC)
    h = torch.randn(2, 5, 5, 4, generator=rng())
    changed = h.clone()
    changed[:, 3:] = torch.randn(2, 2, 5, 4, generator=rng(1))
    with torch.no_grad():
        a, b = method.context(h), method.context(changed)
    assert torch.equal(a[:, :3], b[:, :3])
    assert (a[:, 3:] != b[:, 3:]).all()
    changed = h.clone()
    changed[:, 0, 2] += 1  # but of those above
    with torch.no_grad():
        assert (method.context(changed)[:, 2, 2] != a[:, 2, 2]).any()


@pytest.mark.parametrize("side", [12, 14, 16, 28, 32, 42])
def test_cpc_has_rows_enough_for_its_predictions_on_views_of_our_sizes(side):
    method = built(CPC)
    patches = method.patches(torch.rand(2, 1, side, side))
    n, rows, cols, _, p, q = patches.shape
    assert (n, rows, p) == (2, cols, q)
    assert p in (math.ceil(side / 3), math.ceil(side / 3) - 1)
    assert p % 2 == 0
    assert rows in (4, 5, 6)
    x = torch.arange(side**2).view(1, 1, side, side)
    half = math.ceil(p / 2)
    assert torch.equal(
        method.patches(x)[0, 1, 2, 0], x[0, 0, half : half + p, 2 * half : 2 * half + p]
    )


@pytest.mark.parametrize("patch", [2, 3, 4, 5, 10, 11])
def test_a_patch_shares_pixels_with_the_next_one_and_none_with_the_one_after(patch):
    """So what is predicted two rows below was not seen from above, odd patches too."""
    side = 4 * patch
    pixels = torch.arange(side**2).view(1, 1, side, side)
    column = built(CPC, patch=patch).patches(pixels)[0, :, 0].flatten(1)
    for row in range(len(column) - 2):
        own = set(column[row].tolist())
        assert own & set(column[row + 1].tolist())
        assert not own & set(column[row + 2].tolist())


def test_bits_that_all_patches_share_are_all_that_is_learned_of_them_and_noise_is_not_learned():
    """Three bits tell eight pictures apart, not the 25 patches of one from each other: from
    log 8 * 25 the loss can fall to log 25 and no further."""
    bits = torch.tensor(list(product((0.0, 1.0), repeat=3)))[:, :, None, None].expand(8, 3, 12, 12)
    last = {}
    for name in ("bits", "noise"):
        torch.manual_seed(0)
        method, seen = CPC(Flat(3), z_dim=5, patch=4, tau=1.0), []

        def draw(step, name=name):
            x = bits if name == "bits" else torch.rand(8, 3, 12, 12, generator=rng(step))
            return x, x, torch.zeros(8)

        train(
            method,
            draw,
            training=Training(samples=8 * 150, batch=8, lr=0.02),
            device=CPU,
            on_step=lambda _, loss, seen=seen: seen.append(loss),
        )
        last[name] = sum(seen[-10:]) / 10
    assert math.log(25) - 1e-4 < last["bits"] < math.log(25) + 0.3
    assert last["noise"] > math.log(8 * 25) - 0.3


# Autoencoder


def test_an_autoencoder_is_the_squared_error_over_pixels_by_a_loop(monkeypatch):
    method, (x1, x2, *small) = built_autoencoder(), views(n=2, channels=2)
    monkeypatch.setattr(method, "decode", lambda h, side: torch.full((len(h), 2, side, side), 0.25))
    errors = []
    for x in (x1, x2, *small):
        pixels = x.flatten().tolist()
        errors.append(sum((pixel - 0.25) ** 2 for pixel in pixels) / len(pixels))
    assert method(x1, x2, torch.zeros(2)).item() == pytest.approx(sum(errors[:2]) / 2, rel=1e-5)
    assert method(x1, x2, torch.zeros(2), *small).item() == pytest.approx(sum(errors) / 5, rel=1e-5)


def built_autoencoder():
    torch.manual_seed(0)
    return Autoencoder(ResNet(width=4, stem=1, channels=2), decoder_width=8)


@pytest.mark.parametrize("side", [8, 13, 28])
def test_a_decoder_draws_pictures_of_the_views_own_size_and_planes(side):
    method = built_autoencoder()
    assert method.decode(torch.randn(3, 32), side).shape == (3, 2, side, side)


def test_pictures_of_one_colour_are_drawn_again():
    method, seen = built_autoencoder(), []

    def draw(step):
        x = torch.rand(16, 2, 1, 1, generator=rng(step)).expand(16, 2, 8, 8)
        return x, x, torch.zeros(16)

    train(
        method,
        draw,
        training=Training(samples=16 * 120, batch=16, lr=0.01),
        device=CPU,
        on_step=lambda _, loss: seen.append(loss),
    )
    assert (
        seen[-1] < 0.2 / 12
    )  # a fifth of a uniform number's variance, which the mean picture leaves
    assert method.metrics["explained"] > 0.8


# All of them


@pytest.mark.parametrize("local", [None, 2])
@pytest.mark.parametrize("name", NEW)
def test_a_training_that_goes_on_from_a_snapshot_ends_in_the_same_bits(
    name, local, cell_with, context
):
    cell = cell_with(name).replace(local=local, batch=8, view=16)
    if "prototypes" in cell.parameters:
        cell = cell.replace(prototypes=16)
    pool = load_pools(cell, context, CPU)[True]
    draw = training_batches(cell, pool, CPU)

    class Keeper:
        def __init__(self, saved=None):
            self.saved, self.first, self.steps = saved, None, []

        def log(self, row):
            self.steps.append(row["step"])

        def due(self):
            return True

        def save(self, tensors, step):
            if step == 4:
                self.first = tensors, step

        def load(self):
            return self.saved

    def run(keeper):
        method = build_method(cell, pool)
        train(method, draw, training=Training(samples=8 * 8, batch=8), device=CPU, keeper=keeper)
        return method.state_dict()

    whole = run(keeper := Keeper())
    again = run(resumed := Keeper(keeper.first))
    assert resumed.steps == [4, 5, 6, 7]
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[key], again[key]) for key in whole)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, method in METHODS.items()
        if method.trains and not method.builds_on and method.takes_local
    ],
)
def test_a_smoke_cell_trains_is_probed_and_hides_patches(name, cell_with, plan, context):
    cell = cell_with(name).replace(mask=0.25, samples=64)
    if "prototypes" in cell.parameters:
        cell = cell.replace(prototypes=16)
    if name == "moco":
        cell = cell.replace(queue=64, bn_groups=2)
    rows = run_cell(cell, plan.probe, context)
    assert {row["feature"] for row in rows} == {"first", "second"}


@pytest.mark.parametrize("name", NEW)
def test_losses_are_float32_under_bf16(name, cell_with, context):
    cell = cell_with(name)
    method, batch = (
        build_method(cell),
        training_batches(cell, load_pools(cell, context, CPU)[True], CPU)(0),
    )
    with torch.autocast("cpu", torch.bfloat16):
        assert method(*batch).dtype == torch.float32


@pytest.mark.parametrize(
    ("cls", "told", "parameters", "message"),
    [
        *(
            (cls, told, {"tau": 0.0}, "tau = 0.0: a temperature is above 0")
            for cls, told in ((SwAV, ()), (DINO, ()), (InstDisc, (5,)), (CPC, ()))
        ),
        *(
            (cls, (), {"prototypes": 1}, "prototypes = 1: to tell pictures apart takes 2")
            for cls in (SwAV, DINO)
        ),
        (SwAV, (), {"epsilon": 0.0}, "epsilon = 0.0"),
        (SwAV, (), {"iterations": 0}, "iterations = 0: Sinkhorn-Knopp takes one at least"),
        (DINO, (), {"tau_teacher": -1.0}, "tau_teacher = -1.0"),
        (DINO, (), {"ema": 1.1}, r"ema = 1.1 is not in \[0, 1\]"),
        (DINO, (), {"centre": -0.1}, "centre = -0.1"),
        (
            InstDisc,
            (5,),
            {"bank": 1.5},
            r"bank = 1.5: the share that a memory keeps of itself is in \[0, 1\]",
        ),
        (CPC, (), {"patch": 1}, "patch = 1 px"),
        (CPC, (), {"ahead": 1}, "ahead = 1 is not in 2..100: the first row below"),
        (Autoencoder, (), {"decoder_width": 0}, "decoder_width = 0"),
    ],
)
def test_parameters_out_of_range_are_refused(cls, told, parameters, message):
    with pytest.raises(ValueError, match=message):
        built(cls, *told, **parameters)


def test_what_a_net_of_one_size_or_a_small_view_cannot_do_is_told(cell_with):
    with pytest.raises(ValueError, match="cpc shows it patches; give --net none"):
        CPC(ConvNet(width=4))
    with pytest.raises(
        ValueError,
        match="patch = 12 px, ahead = 3: a view of 16 px has fewer than 4 rows of patches",
    ):
        built(CPC, patch=12)(*views(sides=(16, 16)), torch.zeros(6))
    with pytest.raises(UserError, match="local = 2: net = convnet sees pictures of one size only"):
        check_cell(cell_with("simclr").replace(net="convnet", stem=None, view=None, local=2))


def test_every_new_method_is_on_the_list():
    assert set(NEW) <= set(METHODS)
