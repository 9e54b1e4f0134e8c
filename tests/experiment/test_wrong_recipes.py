"""Recipes and cards that are wrong below the top level: each fault is told with its key's path."""

from __future__ import annotations

import copy
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suppression.errors import UserError
from suppression.experiment import files
from suppression.experiment.plan import make_plan
from suppression.experiment.schema import kind_of_data, parameters_of
from suppression.experiment.spec import load_card, load_recipe
from suppression.reporting.summary import published_beside_no_arm

RECIPE = """
title = "Mine"
claim = "Something."
data = "two_digits"
axis = "size2"
arms = [{ method = "simclr", tau = [0.2, 0.05] }, { method = "untrained" }]
controls = [{ method = "supervised" }]
seeds = 2
retention = [{ feature = "first", reference = "size1" }]
probe = { named = true }

[pretrain.start]
method = "simclr"

[scale.smoke]
source = "digits"
canvas = 16
size1 = 6
size2 = [6, 12]
published_at = [20, 40]
simclr = { samples = 256 }
seeds = 1
probe = { train = 200, test = 100 }

[scale.laptop]
size2 = [6, 24]

[[contrasts]]
name = "sharing"
a = { method = "supervised" }
b = { method = "simclr", tau = 0.2 }
at = 12
feature = "first"
margin = 3

[[contrasts]]
name = "size"
a = { method = "simclr", tau = 0.2 }
at = "last"
at_b = "first"
feature = "first"
probe = "named"
margin = 3.5

[[contrasts]]
name = "at another scale"
a = { method = "simclr", tau = 0.2 }
at = 24
at_b = 6
feature = "first"
margin = 3

[published]
source = "nowhere"
axis = [20, 40]
rows = [{ method = "simclr", tau = 0.2, feature = "first", accuracy = [98.7, 98.3] }]
"""


def planned(folder, old="", new=""):
    assert old in RECIPE
    path = folder / "mine.toml"
    path.write_text(RECIPE.replace(old, new), encoding="utf-8")
    return make_plan(str(path), scale="smoke")


WRONG = [
    ("train = 200", 'train = "many"', r"\[scale.smoke.probe\]: train = 'many' is no whole number"),
    ("train = 200", "train = 0", r"\[scale.smoke.probe\]: train = 0 is too small; the least is 1"),
    ("test = 100", "test = -5", r"\[scale.smoke.probe\]: test = -5 is too small"),
    ("probe = { train = 200, test = 100 }", "probe = 3", r"\[scale.smoke.probe\] is no table"),
    ("named = true", 'named = "yes"', "probe.named = 'yes' is not true or false"),
    ("simclr = { samples = 256 }", "simclr = 3", r"\[scale.smoke\] simclr = 3 is no table"),
    ("samples = 256", "samples = [[1]]", r"\[scale.smoke.simclr\]: samples = \[1\] is not a whole"),
    ('source = "digits"', "source = []", r"\[scale.smoke\]: source has no value"),
    ('source = "digits"', "source = {}", r"\[scale.smoke\]: there is no source"),
    ("seeds = 1", 'seeds = "two"', r"\[scale.smoke\] seeds = 'two' is not a whole number"),
    ("seeds = 2", "seeds = 0", "mine.toml: seeds = 0 is too small"),
    (
        "seeds = 2",
        "seeds = 99999999999",
        "mine.toml: seeds = 99999999999 is too large; the most is 10000",
    ),
    ("published_at = [20, 40]", "published_at = [20]", "published_at has 1 values, size2 2"),
    ("published_at = [20, 40]", "published_at = 20", "published_at is a list beside the list of"),
    ("published_at = [20, 40]", 'published_at = ["a", "b"]', "a number for each is wanted"),
    (
        "accuracy = [98.7, 98.3]",
        "accuracy = [98.7]",
        r"rows\[0\].accuracy has 1 values, the axis 2",
    ),
    ("accuracy = [98.7, 98.3]", 'accuracy = ["a", "b"]', r"rows\[0\].accuracy is no list of perc"),
    (", accuracy = [98.7, 98.3]", "", r"published: rows\[0\].accuracy is no list of percentages"),
    ('feature = "first", accuracy', "accuracy", r"published: rows\[0\] names no feature"),
    ('source = "nowhere"', "", "published.source is missing"),
    ("tau = 0.2, feature", "tua = 0.2, feature", r"rows\[0\]: two_digits has no parameter 'tua'"),
    (
        "98.3] }]",
        '98.3] }, { tau = 0.2, feature = "first", method = "simclr", accuracy = [1, 2] }]',
        r"rows\[1\] is of the same arm and feature as rows\[0\]",
    ),
    ('data = "two_digits"', 'data = "two_digits"\nmeasure = "foo"', "there is no measure 'foo'"),
    (
        '{ feature = "first",',
        '{ feature = "fisrt",',
        "has no feature 'fisrt'; did you mean 'first'",
    ),
    ('reference = "size1" }', 'reference = "size1", scenes = "x" }', "there are no scenes 'x'"),
    (
        'name = "size"',
        'name = "sharing"',
        r"contrasts\[1\].name = 'sharing' is that of contrasts\[0",
    ),
    ("at_b = 6\n", "", r"contrasts\[2\]: give either b, another arm at the same place, or at_b"),
    ("at = 12", "at_b = 12", r"contrasts\[0\]: give either b, another arm"),
    ("at = 24\n", "", r"contrasts\[2\]: at_b is the place that at is held against: give at"),
    ("margin = 3.5", "margin = 0", r"contrasts\[1\]: margin = 0 is not above 0"),
    ("margin = 3.5", "margin = inf", r"contrasts\[1\]: margin = inf is not above 0, and finite"),
    ("margin = 3.5", 'margin = "3"', r"contrasts\[1\].margin = '3' is no number"),
    ("margin = 3.5", "", r"contrasts\[1\].margin is missing"),
    (
        "margin = 3.5",
        "margni = 3.5",
        r"\[contrasts\[1\]\] has no key 'margni'; did you mean 'margin'",
    ),
    ('a = { method = "supervised" }', 'a = { method = "simclr" }', "did you mean 'simclr, tau"),
    ('b = { method = "simclr", tau = 0.2 }', "b = { tau = 0.2 }", r"\[0\].b names no method"),
    (
        'b = { method = "simclr", tau = 0.2 }',
        "b = { tua = 0.2 }",
        r"\[0\].b: two_digits has no par",
    ),
    ('b = { method = "simclr", tau = 0.2 }', "b = { tau = [1, 2] }", r"\[0\].b: tau has 2 values"),
    ("at = 12", "at = 13", r"contrasts\[0\].at: size2 has no place '13'; did you mean '12'?"),
    ("at_b = 6", "at_b = 7", r"contrasts\[2\].at_b: size2 has no place '7'"),
    ('at = "last"', 'at = "lats"', "size2 has no place 'lats'; did you mean 'last'"),
    (
        'at = 12\nfeature = "first"',
        'at = 12\nfeature = "frist"',
        r"contrasts\[0\].feature: there is no feature 'frist'; did you mean 'first'",
    ),
    (
        'probe = "named"',
        'probe = "name"',
        r"contrasts\[1\].probe: there is no probe 'name'; did you",
    ),
    ('probe = "named"', 'probe = "mlp"', r"contrasts\[1\].probe: mlp is not asked: give probe.mlp"),
    ('probe = "named"', 'scenes = "x"', r"contrasts\[1\].scenes: there are no scenes 'x'"),
    ('probe = "named"', 'layer = "z"', r"contrasts\[1\].layer: there is no layer 'z'"),
    ('probe = "named"', 'measure = "z"', r"contrasts\[1\].measure: there is no measure 'z'"),
    ('{ method = "untrained" }', "{ method = [3] }", r"arms\[1\] names no method"),
    ('controls = [{ method = "supervised" }]', "controls = [{}]", r"controls\[0\] names no method"),
    ('[pretrain.start]\nmethod = "simclr"', "[pretrain.start]\nmethod = {}", r"\[pretrain.start\]"),
    ('title = "Mine"', "title = 3", "mine.toml: title = 3 is no text"),
    ('title = "Mine"', 'title = "a\\u001bb"', "mine.toml: title: holds a control character"),
    ('retention = [{ feature = "first",', "retention = [{ featur = 1,", "has no key 'featur'"),
]


@pytest.mark.parametrize(("old", "new", "told"), WRONG, ids=[told for _, _, told in WRONG])
def test_what_is_wrong_is_told_with_its_key(tmp_path, old, new, told):
    with pytest.raises(UserError, match=told):
        planned(tmp_path, old, new)


def test_every_fault_of_the_forms_is_told_at_once(tmp_path):
    with pytest.raises(UserError) as error:
        planned(tmp_path, 'title = "Mine"\nclaim = "Something."', "title = 3\nclaim = 4")
    assert str(error.value).count("is no text") == 2


def test_a_fault_of_another_scale_is_told_too(tmp_path):
    paper = "[scale.paper]\nsize2 = [6, 12]\nprobe = { train = 0 }\n\n[published]"
    with pytest.raises(
        UserError, match=r"\[scale.paper.probe\]: train = 0 is too small; the least is 1"
    ):
        planned(tmp_path, "[published]", paper)


def test_a_recipe_as_other_programs_save_it_is_read(tmp_path):
    marked = tmp_path / "MARKED.TOML"
    marked.write_bytes(b"\xef\xbb\xbf" + RECIPE.replace("\n", "\r\n").encode())
    assert make_plan(str(marked), scale="smoke").recipe.title == "Mine"


def test_what_other_systems_leave_beside_a_recipe_is_no_recipe(tmp_path, monkeypatch):
    shelf = tmp_path / "experiments"
    shelf.mkdir()
    (shelf / "mine.toml").write_text(RECIPE)
    (shelf / "._mine.toml").write_bytes(b"\x00\x05\x16\x07")
    monkeypatch.setenv("SUPPRESSION_PATH", str(tmp_path))
    assert "mine" in files.names("experiments")
    assert "._mine" not in files.names("experiments")


def test_recipes_of_one_name_in_two_folders_have_results_of_their_own(tmp_path):
    paths = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "digit_size.toml")
        paths[-1].write_text(RECIPE)
    kept_as = [make_plan(str(path), scale="smoke").result_name for path in paths]
    kept_as.append(make_plan("digit_size", scale="smoke").result_name)
    assert len(set(kept_as)) == 3
    assert kept_as[2] == "digit_size.smoke"
    assert all(name.startswith("digit_size-") for name in kept_as[:2])


# --- any key, any value --------------------------------------------------------------------------

JUNK = [None, "foo", -1, 0, 1.5, math.nan, math.inf, True, [], {}, [1, "x"], {"a": 1}, [[1]]]
JUNK += [10**30, "", [{}], "a\x00b"]


def paths_in(value, path=()):
    """The path of every key and of every place of a list."""
    inside = []
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, inner in inside:
        yield (*path, key)
        yield from paths_in(inner, (*path, key))


def mutated(draw, content):
    """The content with one key replaced, taken away, or another put beside it."""
    content = copy.deepcopy(content)
    *parents, key = draw(st.sampled_from(sorted(paths_in(content), key=repr)))
    holder = content
    for parent in parents:
        holder = holder[parent]
    how = draw(st.sampled_from(["replace", "replace", "replace", "delete", "add"]))
    if how == "delete":
        del holder[key]
    elif how == "add" and isinstance(holder, dict):
        holder["another"] = 1
    else:
        holder[key] = draw(st.sampled_from(JUNK))
    return content


def outcome(do):
    """None, or what the user is told."""
    try:
        do()
    except UserError as error:
        return str(error)
    return None


RECIPES = ["digit_size", "random_bits", "label_efficiency", "layers", "randbits_mnist"]


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_a_mutated_recipe_makes_a_plan_or_is_the_users_mistake(data):
    name = data.draw(st.sampled_from(RECIPES))
    path = files.find("experiments", name)
    content, read = mutated(data.draw, files.read(path)), files.read
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "read", lambda at: content if at == path else read(at))
        told = outcome(lambda: make_plan(name, scale="smoke"))
    assert told is None or told


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_a_mutated_card_makes_scenes_or_is_the_users_mistake(data):
    import suppression as sup

    name = data.draw(st.sampled_from(files.names("datasets")))
    path = files.find("datasets", name)
    content, read = mutated(data.draw, files.read(path)), files.read
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "read", lambda at: content if at == path else read(at))
        told = outcome(lambda: sup.dataset(name))
    assert told is None or told


def test_all_that_ships_is_right():
    for name in RECIPES:
        assert load_recipe(name).title
    for name in files.names("datasets"):
        assert parameters_of(kind_of_data(load_card(name).kind), "dataset") is not None


def test_published_rows_beside_no_arm_are_told(tmp_path):
    beside = published_beside_no_arm(planned(tmp_path))
    assert beside == ""
    told = published_beside_no_arm(planned(tmp_path, "tau = 0.2, feature", "tau = 0.3, feature"))
    assert "1 of 1 published rows stand beside no arm" in told
    assert "published.rows[0] (simclr, tau 0.3)" in told
