"""Unlike machines are told where cells of two of them are compared."""

import pytest

import suppression as sup
from suppression.experiment.machines import unlike_machines

EPYC = {"machine": "AMD EPYC", "libraries": {"torch": "2.14", "numpy": "2.4"}}
XEON = {**EPYC, "machine": "Intel Xeon"}
OLDER = {**EPYC, "libraries": {"torch": "2.11", "numpy": "2.4"}}


@pytest.mark.parametrize("made", [[], [EPYC], [EPYC, EPYC], [{**EPYC, "machines": ["one"]}]])
def test_of_one_kind_nothing_is_said(made):
    assert unlike_machines(made) is None


@pytest.mark.parametrize(
    ("made", "kinds"),
    [
        ([EPYC, XEON, EPYC], "AMD EPYC, torch 2.14, numpy 2.4; Intel Xeon, torch 2.14, numpy 2.4"),
        ([EPYC, OLDER], "AMD EPYC, torch 2.14, numpy 2.4; AMD EPYC, torch 2.11, numpy 2.4"),
        ([{**EPYC, "machines": ["one", "other"]}], "one; other"),
    ],
)
def test_each_other_kind_is_named_once(made, kinds):
    assert f"({kinds}). A difference between" in unlike_machines(made)


def test_a_report_says_so_of_the_record_that_has_two_kinds(tmp_path):
    pages = {}
    for name, scale in (("digit_size", "evening"), ("learning_curves", "laptop")):
        path = sup.record(name, scale=scale).report(tmp_path / f"{name}.html")
        pages[name] = path.read_text(encoding="utf-8")
    told = "Cells were trained on unlike machines"
    assert told in pages["digit_size"]
    assert told not in pages["learning_curves"]
