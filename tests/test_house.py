"""The house itself: imports point down, the shelves hold no code, everything on them builds, the galleries and the README are true."""

import ast
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from suppression import exp, show
from suppression.data import DATASETS
from suppression.execution.batches import batches, load_pools
from suppression.execution.context import Context
from suppression.execution.runner import run_cell
from suppression.experiment.builders import build_method, scenes_of
from suppression.experiment.files import names
from suppression.experiment.keys import full_key
from suppression.experiment.plan import make_plan, unique
from suppression.experiment.rows import SCORES
from suppression.experiment.schema import cell_parameters, schema
from suppression.experiment.spec import load_card, load_recipe
from suppression.experiment.validation import check_cell
from suppression.methods import METHODS
from suppression.models.resnet import ResNet
from suppression.reporting.gallery import datasets_page, experiments_page, redraw, with_result
from suppression.seeding import torch_rng
from suppression.show import main

TOP = Path(__file__).parent.parent
FLOORS = [
    {"errors", "shelf", "seeds", "stats"},
    {"scenes", "boxes", "pixels", "views", "multiview", "nets", "convnet", "losses", "optimisers", "pairwise"},
    {"methods", "probes", "train"},
    {"forms", "recipe", "parameters", "store"},
    {"machine", "probing"},
    {"build"},
    {"feed"},
    {"lab"},
    {"estimate"},
    {"crew", "lines", "tables", "figures", "heatmap", "pictures", "progress", "results", "rows", "survival"},
    {"errand"},
    {"exp", "show", "report"},
]
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}


def rooms_imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "suppression":
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("suppression."))


def test_imports_only_point_down():
    package = TOP / "suppression"
    seen = 0
    for path in package.rglob("*.py"):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for other in rooms_imported(path):
            assert FLOOR[other] <= FLOOR[room], f"{path.name} (floor {FLOOR[room]}) imports {other} (floor {FLOOR[other]})"
            seen += 1
    assert seen > 50


def test_no_python_file_stands_on_the_shelves():
    assert [path for shelf_name in ("datasets", "experiments") for path in (TOP / shelf_name).rglob("*.py")] == []


def test_only_shelf_reads_toml_and_only_store_unlinks_or_renames():
    for path in (TOP / "suppression").rglob("*.py"):
        if path.name != "shelf.py":
            assert "tomllib.load" not in path.read_text(), path
        if path.name != "store.py":
            assert not re.search(r"os\.(rename|replace|remove)|rmtree", path.read_text()), path


def card_cell(name, **given):
    """A cell on the data set of this card."""
    card = load_card(name)
    parameters = {parameter: cell_parameters(card.kind, given["method"])[parameter].default for parameter in cell_parameters(card.kind, given["method"])}
    return card, {"data": card.kind} | parameters | {k: v for k, v in card.parameters.items() if k in parameters} | {"seed": 0, "batch": 4} | given


@pytest.mark.parametrize("name", names("datasets"))
def test_every_card_draws_batches_with_its_features(name, context):
    card, cell = card_cell(name, method="supervised", width=4, view=16, jitter=0.5, gray=0.2)
    scenes = scenes_of(cell)
    assert {feature if feature in card.features else feature.rstrip("0123456789") for feature in scenes.features} == set(card.features)
    pools = load_pools(cell, context, torch.device("cpu"))
    x1, x2, y = batches(cell, pools[True], torch.device("cpu"))(0)
    assert x1.shape == x2.shape == (4, scenes.channels, 16, 16)
    assert 0 <= min(x1.min(), x2.min()) <= max(x1.max(), x2.max()) <= 1
    assert not torch.equal(x1, x2)
    assert y.shape == (4, sum(scenes.spaces(pools[True])))
    assert torch.isfinite(build_method(cell, pools[True])(x1, x2, y))
    assert (TOP / "datasets" / f"{name}.png").stat().st_size < 300_000


@pytest.mark.parametrize("name", names("datasets"))
def test_every_card_draws_its_batches_without_waiting_for_the_device(name, context, no_host_sync):
    _, cell = card_cell(name, method="simclr", view=16)
    pools = load_pools(cell, context, torch.device("cpu"))
    draw = batches(cell, pools[True], torch.device("cpu"))
    draw(0)  # what is computed once for a pool (hashes, sprites) is computed here
    with no_host_sync():
        draw(1)


@pytest.mark.parametrize("name", names("datasets"))
def test_every_card_answers_the_questions_about_its_features(name, context):
    _, cell = card_cell(name, method="untrained", width=4)
    pools = load_pools(cell, context, torch.device("cpu"))
    scenes = scenes_of(cell).probed()
    drawn = scenes.factors(5, torch_rng("test"), pools[False])
    labels, classes, carriers = scenes.labels(drawn), scenes.classes(pools[False]), scenes.carriers(drawn)
    assert list(labels) == list(classes) == list(carriers) == list(scenes.features)
    for feature in scenes.features:
        assert labels[feature].shape == carriers[feature].shape == (5,)
        assert labels[feature].dtype == torch.int64
        assert labels[feature].max() < len(classes[feature])
    assert {feature for _, _, asked in scenes.questions() for feature in asked} == set(scenes.features)
    assert len(scenes.captions(drawn, pools[False])) == 5
    state = torch.get_rng_state()
    for _, visible, _ in scenes.questions():
        x = scenes.append(scenes.render(drawn, pools[False], visible=visible), drawn, visible=visible)
        assert x.shape == (5, scenes.channels, scenes.canvas, scenes.canvas)
        assert 0 <= x.min() < x.max() <= 1
    assert torch.equal(torch.get_rng_state(), state)
    assert scenes.shared_bits is None or scenes.shared_bits >= 0


@pytest.mark.parametrize(("name", "scale"), [(name, scale) for name in names("experiments") for scale in load_recipe(name).scale])
def test_every_cell_of_every_recipe_can_be_built(name, scale):
    plan = make_plan(name, scale=scale)
    for cell in plan.cells:
        if cell["width"] <= 16:
            check_cell(cell, plan.probe, plan.before)
    told = unique(cell | {"op1": None, "op2": {cell.get("op1"), cell.get("op2")}} for cell in plan.cells)  # a pair of operations has two names
    assert len({full_key(cell) for cell in plan.cells}) == len(told)


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.trains])
def test_every_method_takes_a_step_that_changes_its_encoder(name, cell_with, context):
    cell = cell_with(name)
    method = build_method(cell)
    before = {k: v.clone() for k, v in method.encoder.state_dict().items()}
    method.train()
    loss = method(*batches(cell, load_pools(cell, context, torch.device("cpu"))[True], torch.device("cpu"))(0))
    loss.backward()
    assert loss.ndim == 0
    assert torch.isfinite(loss)
    assert all((p.grad is not None) is p.requires_grad for p in method.parameters())
    torch.optim.SGD(method.parameters(), lr=0.1).step()
    assert any(not torch.equal(before[k], v) for k, v in method.encoder.state_dict().items() if "conv" in k)


def test_a_toy_method_takes_one_class_and_one_dict_line(monkeypatch, tmp_path):
    from suppression.methods import Method

    class Toy(Method):
        """Pulls features to a constant."""

        def __init__(self, encoder, *, pull: float = 0.5) -> None:
            super().__init__(encoder)
            self.pull = pull

        def forward(self, x1, x2, y):
            return (self.encoder(torch.cat([x1, x2])) - self.pull).square().mean()

    monkeypatch.setitem(METHODS, "toy", Toy)
    (cell,) = make_plan("digit_size", scale="smoke", pins={"method": ["toy"], "pull": ["0.25"], "size2": ["12"]}).cells
    assert cell["pull"] == 0.25
    rows = run_cell(cell, make_plan("digit_size", scale="smoke").probe, Context(store=tmp_path / "store"))
    assert {row["feature"] for row in rows} == {"first", "second"}


def test_the_galleries_are_current():
    """Run `python -m suppression.report` if this fails."""
    for name, page in (("datasets", datasets_page), ("experiments", experiments_page)):
        assert (TOP / name / "README.md").read_text() == page(TOP / name)
    readme = (TOP / "README.md").read_text()
    assert readme == with_result(readme, TOP / "experiments")


def test_the_readme_has_exactly_two_set_up_lines_and_they_are_the_promised_ones():
    lines = [line for line in (TOP / "README.md").read_text().splitlines() if line.startswith("pip install")]
    assert lines == ["pip install -e . && python -m suppression.exp digit_size --tau 0.2", 'pip install -e ".[test]" && python -m pytest']


def readme_commands():
    text = (TOP / "README.md").read_text()
    return [
        line.split("#")[0].strip()
        for block in re.findall(r"```bash\n(.*?)```", text, re.S)
        for line in block.splitlines()
        if line.startswith("python -m suppression")
    ]


@pytest.mark.parametrize("command", readme_commands())
def test_every_command_of_the_readme_runs(command, smoke, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _, _, module, *argv = shlex.split(command)
    door = {"suppression.exp": exp, "suppression.show": show}[module]
    if "digit_size" in argv and "--help" not in argv:
        # What the lines train at laptop scale is trained at smoke scale here; the sizes are then the smoke scale's.
        argv = [word for word in argv if not word.isdigit() and word != "--size2"] + ["--scale", "smoke", "--store", str(smoke)]
    assert door.main(argv) == 0
    assert capsys.readouterr().out


def test_the_library_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", (TOP / "README.md").read_text(), re.S)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("first 0.")


def test_show_draws_a_sheet_and_prints_the_card(tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert main(["two_digits", "--size2", "40", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "feature first" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["two_digit"], "no card 'two_digit'; did you mean 'two_digits'?"),
        (["two_digits", "--sise2", "3"], "did you mean 'size2'?"),
        (["two_digits", "--size2", "300"], "does not fit"),
        (["two_digits", "--size2", "110", "--size1", "110", "--overlap", "0"], "no placement of digits"),
        (["two_digits", "--out", "/nowhere/x.png"], "cannot be written"),
        (["multidigits", "--count", "17", "--placement", "in_grid"], "17 digits of up to 28 px need as many grid cells; a canvas of 112 px has 16"),
        (["random_bits", "--bits", "25"], "bits = 25 is not in 0..24"),
        (["random_bits", "--source", "photo"], "there is no source 'photo'; did you mean 'photos'?"),
        (["random_bits", "--source", "folder:no/where"], "source 'folder:no/where' is not there"),
        (["random_bits", "--instances", "1298"], "instances = 1298: source 'digits' has 1297 for training"),
    ],
)
def test_show_tells_a_mistake_and_exits_with_2(argv, told, capsys):
    assert main(argv) == 2
    assert told in capsys.readouterr().err


def test_no_tracked_file_is_over_a_megabyte():
    listed = subprocess.run(["git", "-C", str(TOP), "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [TOP / name for name in listed.stdout.split("\0") if name]
    assert [path for path in files if path.is_file() and path.stat().st_size > 1_000_000] == []


def test_a_probe_finds_a_feature_that_is_there_and_none_that_is_not():
    """Known answers: pixels that are the class are read out perfectly; pixels that are noise are at chance."""
    from suppression.evaluation import linear

    rng = torch_rng("oracle")
    labels = torch.randint(10, (1200,), generator=rng)
    told = torch.nn.functional.one_hot(labels, 10).float() + 0.1 * torch.randn(1200, 10, generator=rng)
    noise = torch.randn(1200, 10, generator=rng)
    for x, low, high in ((told, 0.99, 1.0), (noise, 0.04, 0.17)):
        row = linear((x[:800], labels[:800]), (x[800:], labels[800:]), cases=400)
        assert low <= row["accuracy"] <= high
        assert row["converged"]


def test_probing_moves_neither_weights_nor_batch_norm_statistics(cell, context):
    from suppression.evaluation.features import features, fingerprint

    net = ResNet(width=4, stem=1, channels=1).train()
    before, x = fingerprint(net), torch.rand(8, 1, 16, 16)
    features(net, x)
    assert fingerprint(net) == before
    assert net.training
    net(x)  # a plain pass in training mode does move them, and the fingerprint sees it
    assert fingerprint(net) != before


def test_features_at_z_and_at_block_groups_are_probed_on_request(cell, plan, context):
    probe = plan.probe.model_copy(update={"layers": ["h", "z", "block2"], "train": 60, "test": 30})
    rows = run_cell(cell, probe, context)
    assert {row["layer"] for row in rows} == {"h", "z", "block2"}


def test_no_method_is_called_as_a_parameter_is():
    """A scale's table names methods and parameters side by side."""
    assert not [(kind, name) for kind in DATASETS for name in METHODS if name in schema(kind)]


def test_no_score_of_a_row_is_called_as_a_parameter_is():
    """A row has both: its cell's parameter would stand where the score was."""
    scores = {"accuracy", "low", "high", "guess", "cases", "decodable", "k", *SCORES}
    assert not [(kind, name) for kind in DATASETS for name in scores if name in schema(kind)]


def test_a_recorded_figure_is_drawn_anew_from_its_rows(tmp_path):
    """In the same bytes each time."""
    for kind in ("toml", "laptop.csv", "laptop.json"):
        shutil.copy(TOP / "experiments" / f"augmentation_pairs.{kind}", tmp_path)
    (first,) = redraw(tmp_path)
    before = first.read_bytes()
    assert first.name == "augmentation_pairs.laptop.svg"
    assert b"op1 jitter" in before
    first.write_bytes(b"")
    redraw(tmp_path)
    assert first.read_bytes() == before
