"""The competitor drawn anew for the second view, or left blank.

What changes, what must not, and how often.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
from scipy.stats import chi2_contingency

from suppression.data import (
    DATASETS,
    ColouredDigits,
    DigitsOnPhotos,
    Dominoes,
    MultiDigits,
    Pool,
    RandomBits,
    Trifeature,
    TwoDigits,
)
from suppression.errors import UserError
from suppression.evaluation.evaluator import check
from suppression.evaluation.spec import ProbeSettings
from suppression.experiment.plan import make_plan
from suppression.experiment.run import Run
from suppression.experiment.validation import check_cell
from suppression.models.resnet import ResNet

SCENES = {
    "two_digits": TwoDigits(canvas=40, size1=9, size2=20),
    "multi_digits": MultiDigits(canvas=40, count=3, sizes=(9, 12, 15)),
    "random_bits": RandomBits(bits=3),
    "coloured_digits": ColouredDigits(bits=3),
    "digits_on_photos": DigitsOnPhotos(),
    "trifeature": Trifeature(correlation=0.5),
    "dominoes": Dominoes(correlation=0.5),
}
OF_COMPETITOR = {
    "two_digits": ("instance", "digit"),
    "multi_digits": ("instance", "digit"),
    "random_bits": ("bits",),
    "coloured_digits": ("bits",),
    "digits_on_photos": ("instance", "digit"),
    "trifeature": ("colour",),
    "dominoes": ("instance", "digit"),
}
BITS = ("random_bits", "coloured_digits")
MANY = 20_000


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def pool_of(m=400):
    """Digits of unequal frequency, and photographs of four classes beside them."""
    images = torch.randint(256, (m, 28, 28), generator=rng(1), dtype=torch.uint8)
    pictures = torch.randint(256, (60, 3, 8, 8), generator=rng(2), dtype=torch.uint8)
    photos = Pool(pictures, torch.arange(60) % 4, names=tuple("abcd"))
    return Pool(images, torch.arange(m).sqrt().long() % 10, photos=photos)


POOL = pool_of()


def competitor(name, factors):
    """One number that says what the competitor is, (n,)."""
    value = factors[OF_COMPETITOR[name][-1]]
    if name == "two_digits":
        return value[:, 1]
    if name == "multi_digits":
        return value[:, 1] * 10 + value[:, 2]
    if value.ndim == 1:
        return value
    return (value << torch.arange(value.shape[1])).sum(1)


def both_views(name, n=MANY, **parameters):
    scenes = dataclasses.replace(SCENES[name], **parameters)
    one = rng()
    factors = scenes.factors(n, one, POOL)
    return scenes, factors, scenes.again(factors, one, POOL)


def equally_frequent(one, other):
    """p of equal frequencies."""
    values = torch.cat([one, other]).unique()
    counts = torch.stack([(each[:, None] == values).sum(0) for each in (one, other)])
    return chi2_contingency(counts.numpy()).pvalue


def share_that_changes(name, redraw):
    _, first, second = both_views(name, redraw=redraw)
    changes = competitor(name, first) != competitor(name, second)
    return changes.double().mean().item()


def test_every_data_set_is_tested_here():
    assert set(SCENES) == set(DATASETS) - {"table"}  # others drew its factors


# --- redraw


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("redraw", [0, 0.0, None])
def test_without_redraw_the_second_view_is_the_first_and_no_random_number_is_drawn(name, redraw):
    scenes = dataclasses.replace(SCENES[name], redraw=redraw)
    factors = scenes.factors(10, rng(), POOL)
    one = rng(1)
    state = one.get_state()
    assert scenes.again(factors, one, POOL) is factors
    assert torch.equal(one.get_state(), state)


@pytest.mark.parametrize("name", SCENES)
def test_redraw_changes_the_competitor_and_nothing_else(name):
    scenes, first, second = both_views(name, redraw=1.0)
    assert scenes.competitors
    assert first.keys() == second.keys()
    for factor in first.keys() - set(OF_COMPETITOR[name]):
        assert torch.equal(first[factor], second[factor])
    if name in ("two_digits", "multi_digits"):
        assert torch.equal(first["instance"][:, 0], second["instance"][:, 0])
    if "digit" in OF_COMPETITOR[name]:
        assert torch.equal(second["digit"], POOL.labels[second["instance"]])
    one, other = scenes.labels(first), scenes.labels(second)
    for feature in scenes.features:
        is_same = torch.equal(one[feature], other[feature])
        assert is_same is (feature not in scenes.competitors)


@pytest.mark.parametrize("name", SCENES)
def test_each_view_by_itself_is_drawn_as_it_would_be_without_redraw(name):
    scenes, first, second = both_views(name, redraw=0.7)
    of_first, of_second = competitor(name, first), competitor(name, second)
    assert equally_frequent(of_first, of_second) > 1e-3
    if name in BITS:  # those of the first view follow from the instance, those of the second do not
        return
    # And the law of the competitor given what it competes with is kept.
    rest = next(feature for feature in scenes.features if feature not in scenes.competitors)
    joint_first = 1000 * scenes.labels(first)[rest] + of_first
    joint_second = 1000 * scenes.labels(second)[rest] + of_second
    assert equally_frequent(joint_first, joint_second) > 1e-3


@pytest.mark.parametrize("name", BITS)
@pytest.mark.parametrize("bits", [1, 3, 6])
def test_at_redraw_1_shared_bits_agree_with_probability_2_to_the_minus_bits(name, bits):
    _, first, second = both_views(name, bits=bits, redraw=1.0)
    agree = (first["bits"] == second["bits"]).all(1).double().mean().item()
    expected = 2.0**-bits
    chance = 4 * (expected * (1 - expected) / MANY) ** 0.5
    assert abs(agree - expected) < chance + 2 / len(POOL)  # the pool is finite


@pytest.mark.parametrize("name", ["two_digits", "digits_on_photos"])
def test_at_redraw_1_two_views_agree_as_often_as_two_scenes_do(name):
    share = POOL.labels.bincount() / len(POOL)
    agree = 1 - share_that_changes(name, 1.0)
    assert agree == pytest.approx(share.square().sum().item(), abs=0.015)


@pytest.mark.parametrize("name", SCENES)
def test_redraw_is_a_probability(name):
    always = share_that_changes(name, 1.0)
    assert share_that_changes(name, 0.25) == pytest.approx(always / 4, abs=0.015)


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("redraw", [-0.1, 1.1])
def test_what_is_no_probability_is_refused(name, redraw):
    with pytest.raises(ValueError, match=r"is not a probability in \[0, 1\]"):
        dataclasses.replace(SCENES[name], redraw=redraw)


def test_replaced_digits_are_placed_alike_whether_they_are_drawn_anew_or_not():
    parameters = {"canvas": 40, "size1": 9, "size2": 20, "replace": True}
    placed, redrawn = TwoDigits(**parameters), TwoDigits(**parameters, redraw=1.0)
    factors = placed.factors(50, rng(), POOL)
    one, other = placed.again(factors, rng(1), POOL), redrawn.again(factors, rng(1), POOL)
    for name in ("top", "left"):
        assert torch.equal(one[name], other[name])
        assert not torch.equal(one[name], factors[name])
    assert not torch.equal(one["instance"], other["instance"])


# --- blank


@pytest.mark.parametrize("name", SCENES)
def test_a_blank_competitor_is_the_same_everywhere_and_is_not_asked_for(name):
    scenes, first, second = both_views(name, n=200, blank=True)
    assert first is second
    assert len(competitor(name, first).unique()) == 1
    assert scenes.competitors == ()
    usual = SCENES[name]
    shared = [feature for feature in usual.features if feature not in usual.competitors]
    assert list(scenes.features) == shared
    for found in (scenes.labels(first), scenes.carriers(first), scenes.classes(POOL)):
        assert list(found) == shared
    asked = [feature for _, _, features in scenes.questions() for feature in features]
    assert set(asked) == set(shared)


@pytest.mark.parametrize("name", SCENES)
def test_blank_leaves_the_rest_as_it_was(name):
    usual = SCENES[name].factors(50, rng(), POOL)
    blank = dataclasses.replace(SCENES[name], blank=True).factors(50, rng(), POOL)
    for factor in usual.keys() - set(OF_COMPETITOR[name]):
        assert torch.equal(usual[factor], blank[factor])
    if name in ("two_digits", "multi_digits"):
        assert torch.equal(usual["instance"][:, 0], blank["instance"][:, 0])


def test_a_blank_colour_is_white_and_blank_bits_are_zeros():
    white = dataclasses.replace(SCENES["coloured_digits"], blank=True)
    assert white.colours(white.factors(5, rng(), POOL)).eq(1).all()
    zeros = dataclasses.replace(SCENES["random_bits"], blank=True)
    assert zeros.factors(5, rng(), POOL)["bits"].eq(0).all()
    objects = dataclasses.replace(SCENES["trifeature"], blank=True)
    x = objects.render(objects.factors(5, rng(), POOL), POOL)
    assert torch.equal(x[:, 0], x[:, 1])
    assert torch.equal(x[:, 0], x[:, 2])


@pytest.mark.parametrize("name", ["digits_on_photos", "dominoes"])
def test_the_photograph_alone_is_drawn_without_its_blank_digit(name):
    usual, blank = SCENES[name], dataclasses.replace(SCENES[name], blank=True)
    factors = blank.factors(5, rng(), POOL)
    ((_, visible, _),) = [one for one in blank.questions() if one[0] == "alone"]
    alone = blank.render(factors, POOL, visible=visible)
    assert torch.equal(alone, usual.render(factors, POOL, visible=(1,)))
    assert torch.equal(blank.render(factors, POOL), usual.render(factors, POOL))
    assert not torch.equal(alone, usual.render(factors, POOL))


@pytest.mark.parametrize("name", ["two_digits", "multi_digits"])
def test_supervised_training_is_told_nothing_of_blank_digits(name):
    scenes, factors, _ = both_views(name, n=50, blank=True)
    targets = scenes.targets(factors, POOL)
    assert targets.sum(1).eq(1).all()
    assert torch.equal(targets.argmax(1), factors["digit"][:, 0])


@pytest.mark.parametrize("name", SCENES)
def test_what_is_blank_is_not_drawn_anew(name):
    with pytest.raises(ValueError, match="blank has nothing to be drawn anew"):
        dataclasses.replace(SCENES[name], redraw=0.5, blank=True)


@pytest.mark.parametrize("parameters", [{"redraw": 1.0}, {"blank": True}])
def test_one_digit_alone_has_no_competitor(parameters):
    with pytest.raises(ValueError, match="one digit alone has no competitor"):
        MultiDigits(count=1, **parameters)
    several = MultiDigits(count=3, canvas=84, **parameters)
    assert several.probed() == MultiDigits(count=1, canvas=84)


@pytest.mark.parametrize(
    ("name", "competitor"),
    [
        ("two_digits", "second"),
        ("random_bits", "bit3"),
        ("coloured_digits", "bit1"),
        ("digits_on_photos", "digit"),
        ("trifeature", "colour"),
        ("dominoes", "digit"),
    ],
)
def test_a_probe_of_a_blank_competitor_is_told_what_blank_means(name, competitor):
    usual, blank = SCENES[name], dataclasses.replace(SCENES[name], blank=True)
    wanted, net = ProbeSettings(features=[competitor]), ResNet(width=1)
    check(name, usual, wanted, net)
    with pytest.raises(UserError, match=f"'{competitor}' is the competitor of {name}, which is bl"):
        check(name, blank, wanted, net)
    with pytest.raises(UserError, match=f"{name} has no feature 'none'"):
        check(name, blank, ProbeSettings(features=["none"]), net)
    check(name, blank, ProbeSettings(features=[blank.features[0]]), net)


# --- cells


def cell_of(data="two_digits", method="simclr", **parameters):
    return Run.of({"data": data, "method": method, **parameters})


@pytest.mark.parametrize("name", SCENES)
def test_what_is_off_leaves_the_key_as_it_is_and_what_is_on_does_not(name):
    usual = cell_of(name).key
    for redraw in (None, 0, 0.0):
        assert cell_of(name, redraw=redraw, blank=None).key == usual
    on = [
        cell_of(name, redraw=0.5).key,
        cell_of(name, redraw=1.0).key,
        cell_of(name, blank=True).key,
    ]
    assert len({usual, *on}) == 4


@pytest.mark.parametrize("value", ["0", "0.0", 0])
def test_a_redraw_of_0_at_the_command_line_is_the_cell_without_it(value):
    usual = make_plan("digit_size_replace", scale="smoke", pins={"tau": [0.2]})
    pins = {"tau": [0.2], "redraw": [value], "blank": ["false"]}
    assert make_plan("digit_size_replace", scale="smoke", pins=pins).keys == usual.keys


@pytest.mark.parametrize("name", ["two_digits", "multi_digits", "digits_on_photos", "trifeature"])
def test_supervised_training_whose_labels_would_be_another_views_is_refused(name):
    with pytest.raises(UserError, match="told the labels of both views together"):
        check_cell(cell_of(name, "supervised", redraw=0.5))
    check_cell(cell_of(name, "simclr", redraw=0.5))
    check_cell(cell_of(name, "supervised", blank=True))


def test_a_cell_with_a_blank_competitor_that_is_asked_for_is_told_before_it_is_trained():
    with pytest.raises(UserError) as told:
        check_cell(cell_of(blank=True), ProbeSettings(features=["first", "second"]))
    assert str(told.value) == (
        "features: 'second' is the competitor of two_digits, which is blank here and carries "
        "nothing; ask for first"
    )


def test_bits_are_nobodys_label_so_that_supervised_training_may_have_them_drawn_anew():
    check_cell(cell_of("random_bits", "supervised", redraw=0.5))
