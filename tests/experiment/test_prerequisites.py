"""Cells that build on others: few labels, fine-tuning, distillation, transfer."""

import itertools

import numpy as np
import pytest
import scipy.special
import torch

from suppression.data import SOURCES
from suppression.data.pool import NOTHING, Pool
from suppression.errors import UserError
from suppression.evaluation.features import fingerprint
from suppression.evaluation.online import from_the_method_itself
from suppression.evaluation.spec import ProbeSettings
from suppression.execution import batches
from suppression.execution.batches import load_pools, target_mask
from suppression.execution.runner import run_cell
from suppression.execution.store import Store
from suppression.exp import main
from suppression.experiment.plan import make_plan
from suppression.experiment.run import Run
from suppression.methods import Distil, Finetune, SimCLR, Supervised
from suppression.models.resnet import ResNet
from suppression.seeding import torch_rng
from suppression.training.loop import Training, train

CPU = torch.device("cpu")


def small():
    return ResNet(width=2, stem=1, channels=1)


def batch(n=6, classes=10):
    generator = torch.Generator().manual_seed(3)
    x1, x2 = torch.rand(2, n, 1, 12, 12, generator=generator)
    return (
        x1,
        x2,
        torch.nn.functional.one_hot(
            torch.randint(classes, (n,), generator=generator), classes
        ).float(),
    )


def test_a_share_of_labels_is_the_same_of_each_class_and_nested():
    labels = torch.randint(5, (1000,), generator=torch.Generator().manual_seed(0))
    pool = Pool(torch.zeros(1000, 28, 28, dtype=torch.uint8), labels)
    found = {
        share: pool.stratified(share, torch_rng("labels", 0)).tolist()
        for share in (0.01, 0.1, 0.29, 0.5, 1.0)
    }
    for share, numbers in found.items():
        for c in range(5):
            assert sum(int(labels[i]) == c for i in numbers) == int(
                share * sum(int(label) == c for label in labels) + 1e-9
            )
    shares = list(found)
    assert all(set(found[a]) < set(found[b]) for a, b in itertools.pairwise(shares))
    assert found[1.0] == list(range(1000))
    assert pool.stratified(0.1, torch_rng("labels", 1)).tolist() != found[0.1]


def test_a_share_that_leaves_a_class_empty_is_told_with_the_least_that_works():
    pool = Pool(torch.zeros(110, 28, 28, dtype=torch.uint8), torch.tensor([0] * 100 + [1] * 10))
    with pytest.raises(
        UserError,
        match=r"labels = 0.05 leaves a class without any.* the least share that works is 0.1$",
    ):
        pool.stratified(0.05, torch_rng("labels", 0))
    assert len(pool.stratified(0.1, torch_rng("labels", 0))) == 11


def test_only_pictures_with_a_label_are_trained_on_and_a_student_on_all_is_told_only_theirs(
    context,
):
    cell = make_plan(
        "label_efficiency", scale="smoke", pins={"method": ["supervised"], "labels": [0.05]}
    ).cells[0]
    pool = load_pools(cell, context, CPU)[True]
    few = set(pool.stratified(0.05, torch_rng("labels", 0)).tolist())
    assert torch.equal(batches.training_pool(cell, pool).images, pool.images[sorted(few)])
    student = cell.replace(method="distil", distil_on="all")
    assert len(batches.training_pool(student, pool)) == len(pool)
    drawn = {"instance": torch.arange(len(pool))}
    told = target_mask(student, pool)(drawn, torch.ones(len(pool), 10))
    assert {i for i in range(len(pool)) if told[i].sum() == 10} == few
    assert told.sum() == 10 * len(few)
    pairs = target_mask(student, pool)(
        {
            "instance": torch.tensor(
                [[min(few), max(few)], [min(few), min(set(range(len(pool))) - few)]]
            )
        },
        torch.ones(2, 10),
    )
    assert pairs.sum(1).tolist() == [
        10,
        0,
    ]  # a scene of two digits tells its labels only if both are told


@pytest.mark.parametrize("from_layer", ["h", "z1", "block2"])
def test_linear_tuning_leaves_weights_and_batch_norm_statistics_of_the_encoder_as_they_are(
    from_layer,
):
    torch.manual_seed(0)
    method = Finetune(
        encoder := small(), (10,), SimCLR(small()), tune="linear", from_layer=from_layer
    )
    before, kept, head = fingerprint(encoder), fingerprint(method.kept), fingerprint(method.head)
    train(method, lambda step: batch(), training=Training(samples=30, batch=6, lr=0.1), device=CPU)
    assert (fingerprint(encoder), fingerprint(method.kept)) == (before, kept)
    assert fingerprint(method.head) != head


def test_full_tuning_from_a_block_trains_what_lies_below_it_alone():
    method = Finetune(encoder := small(), (10,), from_layer="block2")
    method(*batch()).backward()
    assert {name.split(".")[0] for name, p in encoder.named_parameters() if p.grad is not None} == {
        "conv1",
        "bn1",
        "layer1",
        "layer2",
    }
    assert all((p.grad is not None) is p.requires_grad for p in method.parameters())


def test_the_distillation_loss_is_that_of_a_loop_with_scipys_softmax():
    torch.manual_seed(0)
    teacher, tau, weight = Supervised(small(), (4, 6)), 0.5, 0.3
    student = Distil(small(), (4, 6), teacher, tau=tau, label_weight=weight).train()
    x1, x2, _ = batch()
    y = torch.zeros(6, 10)
    for i, (a, b) in enumerate(
        [(0, 5), (3, 1), (2, 2)]
    ):  # the labels of the other three are not told
        y[i, a] = y[i, 4 + b] = 1
    with torch.no_grad():
        taught, mine = (
            method.head(method.encoder(torch.cat([x1, x2]))).double().numpy()
            for method in (teacher.eval(), student)
        )
    distil, told = [], []
    for block in (slice(0, 4), slice(4, 10)):
        for i in range(12):
            p, log_q = (
                scipy.special.softmax(taught[i, block] / tau),
                scipy.special.log_softmax(mine[i, block] / tau),
            )
            distil.append(-np.sum(p * log_q))
            if i % 6 < 3:
                told.append(
                    -np.sum(y[i % 6, block].numpy() * scipy.special.log_softmax(mine[i, block]))
                )
    assert student(x1, x2, y).item() == pytest.approx(
        (1 - weight) * np.mean(distil) + weight * np.mean(told), rel=1e-5
    )
    assert student(x1, x2, y, x1, x2).item() == pytest.approx(
        student(x1, x2, y).item(), rel=1e-5
    )  # local crops are taught and told, too


def test_a_teacher_gets_no_gradient_stays_as_it_is_and_is_not_stored():
    teacher = Supervised(small(), (10,))
    student = Distil(small(), (10,), teacher)
    before = fingerprint(teacher)
    train(student, lambda step: batch(), training=Training(samples=30, batch=6, lr=0.1), device=CPU)
    assert fingerprint(teacher) == before
    assert all(p.grad is None for p in teacher.parameters())
    assert {name.split(".")[0] for name in student.state_dict()} == {"encoder", "head"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Finetune(small(), (10,), tune="linear"),
        lambda: Finetune(small(), (10,)),
        lambda: Distil(small(), (10,), label_weight=0.5),
    ],
)
def test_a_training_that_was_stopped_goes_on_and_ends_bit_identical(make):
    class Keeper:
        saved = None

        def log(self, row):
            if row["step"] == 2 and stopping:
                raise KeyboardInterrupt

        def due(self):
            return True

        def save(self, tensors, step):
            Keeper.saved = tensors, step

        def load(self):
            return Keeper.saved

    ended, how = (
        [],
        {
            "draw": lambda step: batch(n=6 + step),
            "training": Training(samples=36, batch=6, lr=0.1),
            "device": CPU,
        },
    )
    for stopping in (False, True):
        Keeper.saved = None
        for again in range(1 + stopping):
            torch.manual_seed(0)
            method, stopping = make(), stopping and not again
            try:
                train(method, keeper=Keeper(), **how)
            except KeyboardInterrupt:
                assert Keeper.saved[1] == 2
        ended.append(fingerprint(method))
    assert ended[0] == ended[1]


@pytest.mark.parametrize(
    ("data", "shown"),
    [("two_digits", "alone"), ("trifeature", "together"), ("random_bits", "together")],
)
def test_the_layer_that_was_trained_along_is_asked_for_every_label_that_it_was_told(
    data, shown, context
):
    """The oracle is a layer that ignores its input and always says the same class of each label.

    It is right as often as that class comes.
    """
    pools = {"canvas": 16, "area_min": 0.3, "source": "digits"} | {
        "size1": 5,
        "size2": 8,
        "bits": 2,
    }
    scenes = Run.of({"data": data, "method": "supervised", **pools}).dataset
    pool = NOTHING if data == "trifeature" else SOURCES["digits"](False)
    method = Supervised(ResNet(width=2, stem=1, channels=scenes.channels), scenes.spaces(pool))
    torch.nn.init.zeros_(method.head.weight)
    with torch.no_grad():
        method.head.bias.copy_(
            torch.cat([torch.arange(width) == 3 for width in scenes.spaces(pool)]).float()
        )
    rows = list(from_the_method_itself(scenes, ProbeSettings(test=50), method, pool))
    assert [(row["feature"], row["scenes"]) for row in rows] == [
        (name, shown) for name in scenes.told
    ]
    drawn = (
        {"instance": torch.arange(len(pool))}
        if data == "random_bits"
        else scenes.factors(50, torch_rng("probe", False), pool)
    )
    truth = {"class": pool.labels} if data == "random_bits" else scenes.labels(drawn)
    assert [row["accuracy"] for row in rows] == [
        pytest.approx((truth[name] == 3).double().mean().item()) for name in scenes.told
    ]


RECIPE = """
title = "Mine"
claim = "none"
data = "two_digits"
axis = "size2"
arms = [{ method = "distil", teacher = "tuned" }, { method = "frozen", start = "simclr" }]
[pretrain.simclr]
method = "simclr"
[pretrain.tuned]
method = "finetune"
start = "simclr"
labels = 0.5
[scale.smoke]
canvas = 16
size1 = 6
size2 = [12]
stem = 1
width = 2
samples = 64
batch = 32
precision = "fp32"
probe = { train = 50, test = 20 }
"""


@pytest.fixture
def mine(tmp_path):
    def written(*changes):
        text = RECIPE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "mine.toml").write_text(text)
        return str(tmp_path / "mine.toml")

    return written


@pytest.mark.slow
def test_what_others_build_on_is_trained_first_and_the_second_run_answers_from_the_store(
    mine, tmp_path, capsys, monkeypatch
):
    argv = [mine(), "--scale", "smoke", "--store", str(tmp_path / "store"), "--workers", "1"]
    assert main([*argv, "--dry"]) == 0
    assert (
        "2 cells, 0 stored, 0 trained but not yet asked this, 2 missing, "
        "2 to be trained before them" in capsys.readouterr().out
    )
    assert main(argv) == 0
    told = capsys.readouterr()
    assert "distil, teacher tuned" in told.out
    assert "frozen, start simclr" in told.out
    assert (
        told.err.index("[pretrain.simclr]")
        < told.err.index("[pretrain.tuned]")
        < told.err.index("distil, teacher tuned")
    )
    store, plan = Store(tmp_path / "store"), make_plan(argv[0], scale="smoke")
    assert set(store.keys()) == {cell.key for cell in [*plan.cells, *plan.before.values()]}
    start, frozen = (
        store.weights(key) for key in (plan.cells[1].parameters["start"], plan.cells[1].key)
    )
    assert all(torch.equal(start[name], frozen[name]) for name in frozen)
    monkeypatch.setattr(
        "suppression.execution.executor.run",
        lambda *args, **kw: pytest.fail("something was trained again"),
    )
    assert main(argv) == 0


def test_another_start_is_another_key():
    one, two = (
        make_plan("label_efficiency", scale="smoke", pins={"method": ["finetune"]} | pins)
        for pins in ({}, {"tau": ["0.5"]})
    )
    assert one.cells[0].key != two.cells[0].key
    assert one.cells[0].replace(start=None) == two.cells[0].replace(start=None)


def test_cells_without_their_ground_in_the_store_are_told_how_to_get_it(mine, context):
    plan = make_plan(mine(), scale="smoke")
    for cell, parameter in zip(plan.cells, ("teacher", "start"), strict=True):
        with pytest.raises(
            UserError,
            match=rf"the {parameter} of .* is not in the store.*python -m suppression.exp RECIPE "
            rf"--method {cell.method} --{parameter} NAME",
        ):
            run_cell(cell, plan.probe, context)


ONE_PLACE = ("[pretrain.simclr]", '[pretrain.simclr]\nsize2 = "size1"')
THREE_SIZES = ("size2 = [12]", "size2 = [6, 9, 12]")


def test_what_all_build_on_may_stand_at_the_place_that_a_parameter_holds(mine):
    """Else it stands where each of them does."""
    path = mine(THREE_SIZES)
    assert [each.get("size2") for each in make_plan(path, scale="smoke").before.values()] == [
        *(12, 12),  # simclr, and what is tuned on it, for the student; the frozen one has them
        *(6, 6),
        *(9, 9),
    ]
    path = mine(THREE_SIZES, ONE_PLACE)
    for pins, size1 in (({}, 6), ({"size1": [8]}, 8)):
        before = make_plan(path, scale="smoke", pins=pins).before.values()
        found = [each.get("size2") for each in before if each.method == "simclr"]
        assert found == [size1]


def test_words_that_are_places_of_the_axis_stand_for_themselves(mine):
    """`jitter` is an operation, and a parameter."""
    path = mine(
        ('data = "two_digits"', 'data = "random_bits"'),
        ('axis = "size2"', 'axis = "op1"'),
        ("size1 = 6\nsize2 = [12]", 'op1 = ["blur"]\nop2 = "cutout"'),
        ("[pretrain.simclr]", '[pretrain.simclr]\nop1 = "jitter"'),
    )
    before = make_plan(path, scale="smoke").before.values()
    assert [(each.method, each.get("op1")) for each in before] == [
        ("simclr", "jitter"),
        ("finetune", "blur"),
    ]


OTHER_CLASSES = [
    ('data = "two_digits"\naxis = "size2"', 'data = "trifeature"\naxis = "correlation"'),
    ("size1 = 6\nsize2 = [12]", "correlation = [0.0]"),
    ('"finetune"\nstart = "simclr"\nlabels = 0.5', '"supervised"\ndata = "coloured_digits"'),
]


@pytest.mark.parametrize(
    ("changes", "argv", "told"),
    [
        (
            [('"tuned" }', '"tunde" }')],
            [],
            "no [pretrain] table to be the teacher 'tunde'; did you mean 'tuned'?",
        ),
        ([], ["--teacher", "simclr"], "the teacher is simclr, which was told no labels"),
        (
            [('start = "simclr"\nlabels', 'start = "tuned"\nlabels')],
            [],
            "builds on itself: tuned on tuned",
        ),
        (
            OTHER_CLASSES,
            [],
            "distil on trifeature has classes of shape and texture and colour (10, 10, 10), its "
            "teacher supervised on coloured_digits has classes of digit (10,)",
        ),
        ([("[pretrain.simclr]", '[pretrain.simclr]\ndata = "coloured_digits"')], [], "channels"),
        ([('teacher = "tuned"', "tau = 1")], [], "distil builds on another cell: give teacher"),
        ([("labels = 0.5", "labels = 0.001")], [], "the least share that works is"),
        ([("labels = 0.5", "labels = 1.5")], [], "labels = 1.5 is not a share"),
        ([], ["--label_weight", "1"], "label_weight = 1.0 is not a share"),
        (
            [("[pretrain.simclr]", '[pretrain.simclr]\nsize2 = "sise1"')],
            [],
            "[pretrain.simclr]: size2 is held by no parameter 'sise1'; did you mean 'size1'?",
        ),
        (
            [('"frozen", start = "simclr"', '"continued", start = "simclr", z_dim = 32')],
            [],
            "the head of start does not fit: its weight 3.weight is",
        ),
    ],
)
def test_a_mistake_exits_with_2_and_names_both_sides(changes, argv, told, mine, tmp_path, capsys):
    assert (
        main([mine(*changes), "--scale", "smoke", "--store", str(tmp_path / "store"), *argv]) == 2
    )
    assert told in capsys.readouterr().err
    assert not (tmp_path / "store" / "cells").exists()
