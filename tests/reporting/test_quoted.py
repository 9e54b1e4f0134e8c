"""Numbers in prose are those of their records; the little language that says which, by example."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import ttest_1samp, ttest_rel

from suppression.errors import UserError
from suppression.reporting.quoted import MARK, filled, value_of

TOP = Path(__file__).parent.parent.parent
PAGES = [TOP / "README.md", *sorted((TOP / "experiments").glob("*.md"))]
MAIN = ["digit_size", "random_bits", "who_suppresses", "h_vs_g", "local_features", "layers"]
MARKED = [TOP / "README.md", *(TOP / "experiments" / f"{name}.md" for name in MAIN)]

RECORD = """method,seed,feature,tau,bits,accuracy,low,high,nmi
simclr,0,class,0.2,0,0.90,0.88,0.92,
simclr,1,class,0.2,0,0.92,0.90,0.94,
simclr,2,class,0.2,0,0.97,0.95,0.99,
simclr,0,class,0.2,4,0.40,0.35,0.45,
simclr,1,class,0.2,4,0.45,0.40,0.50,
simclr,2,class,0.2,4,0.41,0.36,0.46,
simclr,0,class,0.05,4,0.60,0.55,0.65,
untrained,0,class,,4,0.30,0.25,0.35,
untrained,0,within image,,4,,,,0.125
"""
OFF, ON = [0.90, 0.92, 0.97], [0.40, 0.45, 0.41]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.laptop.csv").write_text(RECORD)
    return tmp_path


def told(folder, words):
    return value_of(["mine.laptop", "feature=class", *words.split()], folder)


def test_a_mean_over_seeds_and_its_interval(folder):
    words = "simclr tau=0.2 bits=4"
    assert told(folder, words) == pytest.approx(42)
    interval = ttest_1samp(ON, 0).confidence_interval(0.95)
    assert told(folder, f"{words} low") == pytest.approx(100 * interval.low)
    assert told(folder, f"{words} high") == pytest.approx(100 * interval.high)
    assert [told(folder, f"{words} {each}") for each in ("least", "most", "seeds")] == [40, 45, 3]
    assert told(folder, f"{words} seed=0,1") == pytest.approx(42.5)


def test_a_difference_is_paired_by_seed(folder):
    words = "simclr tau=0.2 bits=0 - bits=4"
    assert told(folder, words) == pytest.approx(51)
    interval = ttest_rel(OFF, ON).confidence_interval(0.95)
    assert told(folder, f"{words} high") == pytest.approx(100 * interval.high)
    one = "simclr tau=0.2 bits=4 - untrained tau="
    assert (told(folder, one), told(folder, f"{one} seeds")) == (pytest.approx(10), 1)


def test_one_seed_has_its_own_interval_and_other_scores_are_read_by_their_column(folder):
    assert told(folder, "untrained high") == 35
    assert value_of(["mine.laptop", "feature=within_image", "nmi"], folder) == 12.5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("simclr bits=4", "several such rows of seed 0; they differ in tau"),
        ("simclr bits=5", "has no such row"),
        ("simclr bist=4", "has no column 'bist'; did you mean 'bits'"),
        ("simclrr", "there is no word 'simclrr'; did you mean 'simclr'"),
        ("untrained nmi", "the row of seed 0 has no nmi"),
        ("simclr tau=0.2 bits=4 - untrained tau= low", "one seed has no interval of this"),
        ("other.laptop", "cannot be read"),
    ],
)
def test_a_mark_that_means_nothing_or_too_much_is_told(folder, words, message):
    with pytest.raises(UserError, match=message):
        told(folder, words)


def test_numbers_are_filled_in_as_they_are_written(folder):
    page = (
        "# Title\n<!-- numbers: mine.laptop feature=class tau=0.2 -->\n"
        "Beside 4 bits **0<!--= simclr bits=4 --> %**, 0.00<!--= simclr bits=4 --> % and\n"
        "+7<!--= simclr bits=0 - bits=4 --> points (7<!--= simclr bits=0 - bits=4 low --> to 9).\n"
        "<!-- numbers: mine.laptop tau= -->None of 0.2: 0<!--= untrained feature=class -->.\n"
    )
    low = 100 * ttest_rel(OFF, ON).confidence_interval(0.95).low
    done = filled(page, folder)
    assert "bits **42<!--= simclr bits=4 --> %**, 42.00<!--= simclr bits=4 --> %" in done
    assert f"+51<!--= simclr bits=0 - bits=4 --> points ({low:.0f}<!--=" in done
    assert "to 9).\n<!-- numbers: mine.laptop tau= -->None of 0.2: 30<!--= untrained" in done
    assert filled(done, folder) == done


def test_a_fault_is_told_with_its_line(folder):
    with pytest.raises(UserError, match=r"^line 2, <!--= mine.laptop bits=9 -->: .* no such row"):
        filled("One.\n2<!--= mine.laptop bits=9 -->\n", folder)
    with pytest.raises(UserError, match=r"^line 1, .*: no number stands right before it"):
        filled("two <!--= mine.laptop bits=4 -->", folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_marked_number_is_that_of_its_record(page):
    """Run `python -m suppression.report` to fill them in."""
    text = page.read_text()
    computed = filled(text, TOP / "experiments")
    for number, line in enumerate(computed.split("\n")):
        assert text.split("\n")[number] == line, f"{page.name}, line {number + 1}"


@pytest.mark.parametrize("page", MARKED, ids=lambda page: page.stem)
def test_the_numbers_of_the_main_pages_are_marked(page):
    assert len(MARK.findall(page.read_text())) > 10
