"""One coercion for flags, recipes, csv files and notebooks: finite, exact, in a stated range."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suppression.errors import UserError
from suppression.experiment.plan import make_plan
from suppression.experiment.schema import Parameter, coerce, schema
from suppression.experiment.validation import check_cell

WHOLE = Parameter("size2", int, 1, "dataset")
SEED = Parameter("seed", int, 0, "general")
NUMBER = Parameter("tau", float, 0.2, "methods.simclr")
SCHEMA = schema("two_digits")


@given(st.integers(0, 2**63 - 1))
@settings(deadline=None, max_examples=50)
def test_a_seed_keeps_every_digit(seed):
    for given_as in (seed, str(seed), f"+{seed}"):
        assert coerce(SEED, given_as, "test") == seed


@given(st.floats(1.2e-38, 3.4e38) | st.floats(-3.4e38, -1.2e-38) | st.just(0.0))
@settings(deadline=None, max_examples=50)
def test_a_finite_number_is_itself_however_it_is_written(number):
    for given_as in (number, repr(number), np.float64(number)):
        assert coerce(NUMBER, given_as, "test") == number


@pytest.mark.parametrize("value", ["1e-320", 1e-45, -1e-39, "3.5e38", 1e300])
def test_a_number_that_is_0_or_infinite_in_single_precision_is_refused(value):
    single = torch.tensor(float(value), dtype=torch.float32).abs()
    assert single < torch.finfo(torch.float32).tiny or single.isinf()
    with pytest.raises(UserError, match=r"is not a number of single precision, 0, or 1\.2e-38 to"):
        coerce(NUMBER, value, "test")


@pytest.mark.parametrize("value", [12, 12.0, "12", "12.0", "1.2e1", np.int64(12), np.float32(12)])
def test_one_whole_number_may_be_written_in_many_ways(value):
    found = coerce(WHOLE, value, "test")
    assert (found, type(found)) == (12, int)


@pytest.mark.parametrize("parameter", [WHOLE, SEED, NUMBER], ids=lambda each: each.name)
@pytest.mark.parametrize(
    "value",
    [
        *(
            "inf",
            "-inf",
            "nan",
            "1e999",
            "",
            " ",
            "x",
            "٣",
            "1_0",
            "0x10",
            "1,2",
            " 5",
            "1e",
            "--1",
        ),
        *(float("inf"), float("nan"), True, None, [], {}, [1, [2]], b"5", 1j),
    ],
    ids=repr,
)
def test_what_is_no_finite_number_is_refused_by_name(parameter, value):
    with pytest.raises(UserError, match=rf"test: {parameter.name} = .* is not a"):
        coerce(parameter, value, "test")


@pytest.mark.parametrize(
    ("parameter", "value", "range_"),
    [
        (WHOLE, "1e9", "up to 1,000,000"),
        (WHOLE, 10**400, "up to 1,000,000"),
        (WHOLE, "2.5", "up to 1,000,000"),
        (SEED, "-1", "from 0 to 9,223,372,036,854,775,807"),
        (SEED, 2**63, "from 0 to 9,223,372,036,854,775,807"),
    ],
)
def test_the_range_of_whole_numbers_is_told(parameter, value, range_):
    with pytest.raises(UserError, match=f"is not a whole number {range_}"):
        coerce(parameter, value, "test")


WORDS = ["inf", "nan", "1e999", "-1", "0", "1e300", "1e-320", "2.5", "", "none", "true", "1,2", "٣"]


@given(name=st.sampled_from(sorted(SCHEMA)), word=st.sampled_from(WORDS))
@settings(deadline=None, max_examples=50)
def test_any_flag_with_any_word_makes_cells_or_is_the_users_mistake(name, word):
    key = key_of_first_cell({"method": ["simclr"], "tau": [0.2], name: [word]})
    assert key is None or len(key) == 24


def key_of_first_cell(pins):
    """None where it is the user's mistake."""
    try:
        plan = make_plan("digit_size", scale="smoke", pins=pins)
        check_cell(plan.cells[0], plan.probe, plan.before)
    except UserError:
        return None
    return plan.cells[0].key


def test_numbers_of_other_kinds_are_taken_at_their_value():
    assert coerce(WHOLE, Decimal("7"), "test") == 7
    assert coerce(NUMBER, Fraction(1, 4), "test") == 0.25
