"""What README and docs promise: two set-up lines, commands that run, examples that run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from suppression import audit, exp, explore, losses, new, show, store
from suppression.lessons import __main__ as lessons

DOORS = {
    "suppression.audit": audit,
    "suppression.exp": exp,
    "suppression.explore": explore,
    "suppression.lessons": lessons,
    "suppression.new": new,
    "suppression.show": show,
    "suppression.store": store,
}
TOP = Path(__file__).parent.parent
README, HOW_TO = TOP / "README.md", TOP / "docs" / "how-to.md"


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)


def commands(page):
    found = []
    for block in blocks(page, "bash"):
        for line in block.splitlines():
            if line.startswith("python -m suppression"):
                found.append(line.split("#")[0].strip())
    return found


EACH = list(dict.fromkeys([*commands(README), *commands(HOW_TO)]))


def at_smoke_scale(argv, store):
    """What the lines train at laptop scale is trained at smoke scale here, with its own sizes."""
    if "demo" in argv:  # the lesson that shows it is run elsewhere
        return [*argv, "--dry"]
    if argv and argv[0].startswith("torchvision:"):  # no weights are fetched
        few = ["--size", "32", "--train", "60", "--test", "30", "--mlp", "0"]
        name = argv[0].removesuffix("@random")
        return [f"{name}@random", *argv[1:], *few, "--scale", "smoke", "--store", str(store)]
    if "digit_size" not in argv or "--help" in argv or "--recorded" in argv:
        return argv
    kept, of_size = [], False
    for word in argv:
        of_size = word == "--size2" or (of_size and word.isdigit())
        if not of_size:
            kept.append(word)
    return [*kept, "--scale", "smoke", "--store", str(store)]


def test_the_readme_has_exactly_two_set_up_lines_and_they_are_the_promised_ones():
    lines = [line for line in README.read_text().splitlines() if line.startswith("pip install")]
    assert lines == [
        "pip install -e . && python -m suppression.exp digit_size --tau 0.2",
        'pip install -e ".[test]" && python -m pytest',
    ]


def test_the_readme_has_commands_of_both_kinds():
    modules = {shlex.split(command)[2] for command in commands(README)}
    assert {"suppression.exp", "suppression.show"} <= modules


@pytest.mark.slow
@pytest.mark.parametrize("command", EACH)
def test_every_command_of_the_readme_runs(command, smoke, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _, _, module, *argv = shlex.split(command)
    if "--log" in argv:
        pytest.importorskip("tensorboard", reason="extra logs")
    main = DOORS[module].main
    if module == "suppression.store":
        argv = [*argv, "--store", str(smoke)]
    assert main(at_smoke_scale(argv, smoke)) == 0
    assert capsys.readouterr().out


@pytest.mark.slow
def test_the_library_example_of_the_readme_runs(smoke, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUPPRESSION_HOME", str(smoke))  # what it trains is there already
    (code,) = blocks(README, "python")
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert re.search(r"\bfirst\b", capsys.readouterr().out)


EXAMPLES = [
    ("step 7: ", ()),
    ("shape", ()),
    ("ifm (yours)", ()),
    ("raw pixels", ()),
    ("torch.Size([250, 1, 32, 32])", ()),
    ("('first', 'second')", ("datasets.arrow_dataset",)),
    ("ResNet simclr 20", ()),
    ("second", ("lightly.loss",)),
]


def test_every_example_of_how_to_is_run():
    assert len(blocks(HOW_TO, "python")) == len(EXAMPLES)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # as datasets leaves its tables
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("example", range(len(EXAMPLES)))
def test_the_examples_of_how_to_run(example, tmp_path, monkeypatch, capsys):
    told, needed = EXAMPLES[example]
    for library in needed:
        pytest.importorskip(library, reason="extra interop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUPPRESSION_HOME", str(tmp_path))
    shape, writer = np.arange(120) % 3, np.arange(120) // 4
    images = (80 * shape[:, None, None] + np.eye(16) * 40).astype(np.uint8)
    own = {"images": images, "shapes": shape, "writers": writer, "__name__": "how_to"}
    code = blocks(HOW_TO, "python")[example].replace("num_workers=2", "num_workers=0")
    fitted = "sup.fit(" in code
    code = code.replace("steps=500", "steps=2, width=2" if fitted else "steps=2")
    exec(compile(code, "how-to.md", "exec"), own)
    assert told in capsys.readouterr().out


CALL = re.compile(r"^\| `((\w+)\(.*?\))` \|", re.M)


def test_every_loss_is_on_the_page_of_losses_and_each_call_runs():
    page = (TOP / "docs" / "losses.md").read_text()
    calls = {name: call for call, name in CALL.findall(page)}
    assert sorted(calls) == sorted(losses.__all__)
    rng = torch.Generator().manual_seed(0)
    z1, z2 = (torch.randn(8, 4, generator=rng, requires_grad=True) for _ in range(2))
    scores = z1 @ z2.T
    codes = losses.sinkhorn(scores.detach(), epsilon=0.5, iterations=3)
    given = {
        **vars(losses),
        "z1": z1,
        "z2": z2,
        "y": torch.eye(4).repeat(2, 1),
        "anchors": z1,
        "candidates": z2,
        "positive": torch.arange(8),
        "directions": torch.eye(4),
        "scores": scores,
        "codes": codes,
        "log_p": scores.log_softmax(1),
    }
    for name, call in calls.items():
        value = eval(call, dict(given))
        if name == "sinkhorn":
            assert torch.allclose(value.sum(1), torch.ones(8))
            continue
        assert value.ndim == 0
        (gradient,) = torch.autograd.grad(value, z1, retain_graph=True)
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0, name


def test_the_example_of_the_page_of_losses_runs(capsys):
    (code,) = blocks(TOP / "docs" / "losses.md", "python")
    exec(compile(code, "losses.md", "exec"), {})
    assert re.search(r"\d\.\d\d nats for 32 pairs", capsys.readouterr().out)


def test_no_page_leads_to_a_file_that_is_not_there():
    for page in (README, TOP / "CONTRIBUTING.md", *(TOP / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), (page.name, link)
