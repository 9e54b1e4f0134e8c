"""The correctness behind an accuracy: counted against a loop, kept in a file and read back."""

from __future__ import annotations

import io
import zipfile
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suppression.errors import UserError
from suppression.metrics.units import Units, packed, summed, unpacked, with_units, without_units

PICTURES = st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=1, max_size=60)


def units_of(pictures):
    return Units.of([number for number, _ in pictures], [right for _, right in pictures])


@given(PICTURES)
@settings(max_examples=50)
def test_units_are_those_of_a_loop_over_pictures(pictures):
    shown, right = Counter(), Counter()
    for number, told in pictures:
        shown[number] += 1
        right[number] += told
    units = units_of(pictures)
    assert dict(zip(units.instances.tolist(), units.counts.tolist(), strict=True)) == shown
    told = dict(zip(units.instances.tolist(), units.right.tolist(), strict=True))
    assert told == {number: right[number] for number in shown}
    assert units == units_of(pictures[::-1])


@given(st.lists(st.one_of(st.none(), PICTURES), max_size=8))
@settings(max_examples=50)
def test_what_is_kept_is_read_back_row_by_row(rows):
    kept = [None if pictures is None else units_of(pictures) for pictures in rows]
    content = packed(kept)
    assert unpacked(content, len(rows)) == kept
    assert packed(kept) == content


def test_pictures_are_regrouped_by_what_they_were_cut_out_of():
    pictures = Units.of(range(5), [1, 0, 1, 1, 0])
    photographs = pictures.regrouped([9, 9, 4, 4, 4])
    assert photographs.instances.tolist() == [4, 9]
    assert photographs.counts.tolist() == [3, 2]
    assert photographs.right.tolist() == [2, 1]


def test_questions_about_the_same_pictures_are_summed_to_the_mean_of_their_accuracies():
    rng = np.random.default_rng(0)
    instance = rng.integers(0, 20, 50)
    several = [Units.of(instance, rng.random(50) < share) for share in (0.9, 0.5, 0.2)]
    mean = np.mean([units.right.sum() / units.counts.sum() for units in several])
    assert summed(several).right.sum() / summed(several).counts.sum() == pytest.approx(mean)


def test_rows_bear_their_units_and_those_without_stay_as_they_are():
    units = Units.of([1, 2], [0, 1])
    rows = [{"accuracy": 0.5, "units": units}, {"nmi": 0.2}]
    bare = [without_units(row) for row in rows]
    assert bare == [{"accuracy": 0.5}, {"nmi": 0.2}]
    assert with_units(bare, packed([row.get("units") for row in rows])) == rows


def test_a_record_of_two_thousand_rows_is_a_small_file():
    """As many as the largest record has, about as many instances, at the hardest accuracy."""
    rng = np.random.default_rng(0)
    instance = rng.integers(0, 500, 1000)
    rows = [Units.of(instance, rng.random(1000) < 0.5) for _ in range(2120)]
    assert len(packed(rows)) < 400_000


def forged(**arrays):
    """A file of these arrays, in place of right ones."""
    right = {
        "set": np.array([0, 0]),
        "instances0": np.array([1, 2]),
        "counts0": np.array([2, 2]),
        "right0": np.array([[1, 2], [0, 1]]),
    }
    out = io.BytesIO()
    np.savez_compressed(out, **{**right, **arrays})
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        packed([Units.of([1], [1])] * 2)[:-40],
        packed([Units.of([1], [1])] * 3),  # of three rows
        forged(right0=np.array([[3, 2], [0, 1]])),  # more right than asked
        forged(right0=np.array([[1, 2]])),
        forged(instances0=np.array([2, 2])),
        forged(counts0=np.array([2.0, 2.0])),
        forged(counts0=np.array([2])),
        forged(set=np.array([0, 1])),  # a set that is not there
        forged(set=np.array([0.0, 0.0])),
        forged(right0=np.array([[object(), 2], [0, 1]])),  # would have to be unpickled
    ],
)
def test_a_file_that_is_none_of_these_rows_is_told(content):
    with pytest.raises(UserError, match="no correctness of 2 rows"):
        unpacked(content, 2)


def test_a_forged_file_without_a_fault_is_read():
    assert [units.right.tolist() for units in unpacked(forged(), 2)] == [[1, 2], [0, 1]]
    assert zipfile.is_zipfile(io.BytesIO(forged()))


@pytest.mark.parametrize("right", [[0.5, 1], [2, 0]])
def test_a_share_of_an_answer_is_refused(right):
    with pytest.raises(ValueError, match="a whole number"):
        Units.of([1, 2], right)
