"""What a wrong name is answered with."""

import pytest

from suppression.errors import MOST_NAMED, unknown


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("sise2", ["size1", "size2"], "did you mean 'size2'?"),
        ("qqq", ["b", "a"], "there are: a, b"),
        ("qqq", map(str, range(MOST_NAMED)), "there are: 0, 1, 10, 11, "),
        ("qqq", map(str, range(1281)), "there are 1,281, such as 0, 1, 10, 100, 1000"),
    ],
)
def test_the_nearest_name_is_told_or_all_or_the_first_of_very_many(name, known, hint):
    assert str(unknown("there is no model", name, known)).startswith(
        f"there is no model '{name}'; {hint}"
    )
