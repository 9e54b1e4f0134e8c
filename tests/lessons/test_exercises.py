"""Exercises: right answers are accepted, wrong ones refused with a hint, wrong types told."""

from __future__ import annotations

import csv
import json
import math
from functools import cache
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
import torch

import suppression as sup
from suppression.lessons.checking import Number, Word, as_number
from suppression.lessons.exercises import EXERCISES

TOP = Path(__file__).parent.parent.parent


@cache
def csv_rows(name):
    with open(TOP / "experiments" / f"{name}.laptop.csv", newline="") as file:
        return list(csv.DictReader(file))


def recorded(name, column="accuracy", **wanted):
    """The mean of a record's column in percent, from the file itself; "" is what is not set."""
    values = []
    for row in csv_rows(name):
        same = all(
            float(row[key]) == value if isinstance(value, (int, float)) else row[key] == value
            for key, value in wanted.items()
            if isinstance(value, str) or row[key]
        )
        if same and row[column] and all(row[key] or value == "" for key, value in wanted.items()):
            values.append(float(row[column]))
    return 100 * mean(values)


def gap(name, more, less, **both):
    return recorded(name, **both, **more) - recorded(name, **both, **less)


# --- answers as a student would write them ---------------------------------------------------


def nt_xent(z1, z2, tau):
    z = [row / row.norm() for row in [*z1, *z2]]
    n, losses = len(z1), []
    for i in range(2 * n):
        others = [math.exp(float(z[i] @ z[k]) / tau) for k in range(2 * n) if k != i]
        positive = math.exp(float(z[i] @ z[(i + n) % (2 * n)]) / tau)
        losses.append(-math.log(positive / sum(others)))
    return mean(losses)


def with_itself(z1, z2, tau):
    z = torch.nn.functional.normalize(torch.cat([z1, z2]), dim=1)
    target = torch.arange(len(z)).roll(len(z1))
    return torch.nn.functional.cross_entropy(z @ z.T / tau, target)


def not_normalised(z1, z2, tau):
    z = torch.cat([z1, z2])
    s = (z @ z.T / tau).fill_diagonal_(-math.inf)
    return torch.nn.functional.cross_entropy(s, torch.arange(len(z)).roll(len(z1)))


def one_side(z1, z2, tau):
    z1, z2 = (torch.nn.functional.normalize(z, dim=1) for z in (z1, z2))
    return torch.nn.functional.cross_entropy(z1 @ z2.T / tau, torch.arange(len(z1)))


def hardest(similarities, tau):
    weights = [math.exp(s / tau) for s in similarities]
    return max(weights) / sum(weights)


def word(low, high):
    if low > 0:
        return "higher"
    return "lower" if high < 0 else "cannot tell"


def gain(bits, batch, tau):
    shared, others = 2.0**-bits, 2 * (batch - 1)
    far = math.exp(-1 / tau)
    before = 1 + others * shared + others * (1 - shared) * far
    return math.log(before / (1 + others * far))


def spread(z):
    z = z.numpy() / np.linalg.norm(z.numpy(), axis=1, keepdims=True)
    return z.std(axis=0, ddof=1).mean() * z.shape[1] ** 0.5


def left(together, alone, chance):
    return (together - chance) / (alone - chance)


@cache
def audited(scenes):
    """What EfficientNet-Lite0 reads of the first digit beside 36 px, from the file itself."""
    path = TOP / "audits" / "efficientnet_lite0.digit_size.json"
    (found,) = [
        row
        for row in json.loads(path.read_text())["rows"]
        if (row["network"], row["at"], row["control"]) == ("encoder", "size2 36", "")
        and (row["feature"], row["scenes"], row["probe"]) == ("first", scenes, "linear")
    ]
    return found


H_VS_G = {"method": "simclr", "feature": "rotation", "probe": "mlp", "quarter": 1.0}
BITS = {"feature": "class", "scenes": "together"}
FIRST = {"method": "simclr", "feature": "first", "scenes": "together", "probe": "named"}
TRIFEATURE = {"method": "simclr", "tau": 0.2, "feature": "shape", "correlation": 1.0}
PLAIN = {
    "method": "simclr",
    "tau": 0.2,
    "remedy": "",
    "redraw": 0.0,
    "bits": 6,
    "feature": "digit",
    "scenes": "together",
}

RIGHT = {
    "00.1": lambda: math.log(15),
    "00.2": lambda: nt_xent,
    "00.3": lambda: hardest,
    "01.1": lambda: gap(
        "multidigits", {"count": 1}, {"count": 16}, method="supervised", placement="random"
    ),
    "01.2": lambda: "supervised",
    "01.3": lambda: "cannot tell",
    "02.1": lambda: "block2",
    "02.2": lambda: "Cannot tell",
    "03.1": lambda: gap("digit_size", {"redraw": 1.0}, {"redraw": 0.0}, size2=36, **FIRST),
    "03.2": lambda: "competitor redrawn",
    "03.3": lambda: word,
    "04.1": lambda: gap(
        "digits_on_photos",
        {"instances": 256},
        {"instances": 1},
        method="simclr",
        tau=0.2,
        feature="scene",
        scenes="together",
    ),
    "04.2": lambda: "not reproduced",
    "05.1": lambda: 256,
    "05.2": lambda: recorded("random_bits", method="simclr", tau=0.2, bits=4, **BITS),
    "05.3": lambda: gain,
    "06.1": lambda: gap("h_vs_g", {"layer": "h"}, {"layer": "z"}, **H_VS_G),
    "06.2": lambda: "rotation",
    "07.1": lambda: gap("trifeature", {"jitter": 1.0}, {"jitter": 0.0}, **TRIFEATURE),
    "07.2": lambda: "colour",
    "08.1": lambda: spread,
    "08.2": lambda: "predictor",
    "08.3": lambda: recorded(
        "simsiam_collapse", method="simsiam", predictor="identity", bits=0, **BITS
    ),
    "09.1": lambda: "simsiam",
    "09.2": lambda: left,
    "09.3": lambda: gap("remedies", {"samples": 28_800}, {"samples": 9_600}, **PLAIN),
    "10.1": lambda: 100 * (audited("alone")["accuracy"] - audited("together")["accuracy"]),
    "10.2": lambda: "readability under competition",
    "10.3": lambda: left(
        audited("together")["accuracy"], audited("alone")["accuracy"], audited("together")["guess"]
    ),
}

WRONG_NUMBERS = (-1000, 0.123, 1e6, math.nan, math.inf)
WRONG_FUNCTIONS = {
    "00.2": (
        with_itself,
        not_normalised,
        one_side,
        lambda z1, z2, tau: 2 * nt_xent(z1, z2, tau),
        lambda z1, z2, tau: nt_xent(z1, z2, 0.5),
    ),
    "00.3": (
        lambda s, tau: max(s) / tau,
        lambda s, tau: hardest(s, 1),
        lambda s, tau: 1 / len(s),
        lambda s, tau: hardest(s, 1 / tau),
        lambda s, tau: hardest(s[1:], tau),
    ),
    "03.3": (
        lambda low, high: "higher",
        lambda low, high: "higher" if low + high > 0 else "lower",
        lambda low, high: "higher" if low >= 0 else word(low, high),
        lambda low, high: "no difference" if low <= 0 <= high else word(low, high),
        lambda low, high: {"higher": "lower", "lower": "higher"}.get(word(low, high)),
    ),
    "05.3": (
        lambda bits, batch, tau: 0.0,
        lambda bits, batch, tau: 2 * (batch - 1) * 2.0**-bits,
        lambda bits, batch, tau: gain(bits, batch + 1, tau),
        lambda bits, batch, tau: gain(bits, batch, 0.2),
        lambda bits, batch, tau: gain(bits + 1, batch, tau),
    ),
    "08.1": (
        lambda z: z.std(0).mean() * z.shape[1] ** 0.5,
        lambda z: spread(z) / z.shape[1] ** 0.5,
        lambda z: spread(z) ** 2,
        lambda z: 1.0,
        lambda z: z.std(0),
    ),
    "09.2": (
        lambda together, alone, chance: together / alone,
        lambda together, alone, chance: together - alone,
        lambda together, alone, chance: (together - chance) / alone,
        lambda together, alone, chance: max(0, left(together, alone, chance)),
        lambda together, alone, chance: 1 - left(together, alone, chance),
    ),
}
# Of a word's three choices two are wrong; misspelt ones and others are refused, too.
WRONG_WORDS = ("", "yes", "simclr, tau 0.2", "rotaton", "cannot tell.", "block 2", "no")


def wrong_answers(name):
    exercise = EXERCISES[name]
    if isinstance(exercise, Number):
        return WRONG_NUMBERS
    if isinstance(exercise, Word):
        right = RIGHT[name]().lower()
        return [*(each for each in exercise.choices if each != right), *WRONG_WORDS][:7]
    return WRONG_FUNCTIONS[name]


def test_each_lesson_has_two_or_three_exercises():
    assert set(RIGHT) == set(EXERCISES)
    for lesson in range(11):
        assert 2 <= sum(name.startswith(f"{lesson:02}.") for name in EXERCISES) <= 3


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_is_accepted(name):
    checked = sup.lessons.check(name, RIGHT[name]())
    assert checked, checked
    assert repr(checked) == f"{name}: right."


@pytest.mark.parametrize("name", RIGHT)
def test_five_wrong_answers_are_refused_with_a_hint(name):
    answers = wrong_answers(name)
    assert len(answers) >= 5
    for answer in answers:
        checked = sup.lessons.check(name, answer)
        assert not checked
        assert len(checked.text) > len(name) + 10


@pytest.mark.parametrize("name", RIGHT)
def test_an_answer_of_the_wrong_type_is_told(name):
    right = RIGHT[name]()
    others = {"str": "many", "list": [1], "dict": {}, "bool": True, "int": 3}
    if isinstance(right, str):
        del others["str"]
    elif isinstance(right, (int, float)):
        del others["int"]
    for kind, answer in others.items():
        article = "an" if kind == "int" else "a"
        assert f"asked for, and this is {article} {kind}." in sup.lessons.check(name, answer).text


def test_no_answer_is_told():
    assert repr(sup.lessons.check("05.2", None)) == "05.2: put your answer in place of None."
    assert not sup.lessons.check("05.2", ...)


def test_a_share_in_place_of_a_percentage_and_a_sign_are_told():
    share = RIGHT["05.2"]() / 100
    assert "give it in percent" in sup.lessons.check("05.2", share).text
    assert "other way round" in sup.lessons.check("03.1", -RIGHT["03.1"]()).text


def test_a_function_that_fails_or_asks_for_other_arguments_is_told():
    def broken(z1, z2, tau):
        raise KeyError("z3")

    assert "raises KeyError: 'z3'" in sup.lessons.check("00.2", broken).text
    assert "of 3 arguments" in sup.lessons.check("00.2", lambda z: 0).text


def test_a_function_that_writes_into_what_it_is_given_is_checked_all_the_same():
    def in_place(z1, z2, tau):
        z1.div_(z1.norm(dim=1, keepdim=True))
        return nt_xent(z1, z2, tau)

    assert sup.lessons.check("00.2", in_place)


def test_numbers_of_numpy_and_torch_are_numbers_and_words_and_truths_are_none():
    assert as_number(np.float32(3)) == as_number(torch.tensor([3.0])) == 3
    assert [as_number(each) for each in ("3", True, torch.ones(2), np.ones(2), None)] == [None] * 5


def test_an_exercise_that_is_not_there_is_told_with_the_nearest():
    with pytest.raises(sup.UserError, match=r"there is no exercise '05.22'; did you mean '05.2'"):
        sup.lessons.check("05.22", 1)


def test_no_solution_of_a_word_stands_beside_its_exercise():
    """What is known beforehand is sealed."""
    for name, exercise in EXERCISES.items():
        if isinstance(exercise, Word) and exercise.truth is None:
            assert len(exercise.seal) == 16
            assert RIGHT[name]().lower() not in exercise.hint.lower()
