"""`python -m suppression.new`: what it writes passes its test, and a new remedy is in a table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from suppression.new import LOOKS, main, texts

TOP = Path(__file__).parent.parent


def ruff_of(folder):
    config = ["--config", str(TOP / "pyproject.toml"), "--no-cache"]
    for argv in (["check", *config], ["format", "--check", *config]):
        subprocess.run([sys.executable, "-m", "ruff", *argv, str(folder)], check=True)


def run(argv, folder, **environment):
    kept = {**os.environ, "PYTHONPATH": str(TOP), **environment}
    kept.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, "-m", *argv]
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOOKS)
def test_what_is_written_passes_its_own_test_and_the_linter(kind, tmp_path, capsys):
    assert main([kind, "my_own", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"written: {tmp_path / 'my_own.py'}" in out
    assert "python -m pytest test_my_own.py" in out
    ruff_of(tmp_path)
    done = run(["pytest", "-q", "-p", "no:cacheprovider", "test_my_own.py"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.slow
def test_a_remedy_from_the_template_stands_in_a_table_beside_the_plain_method(tmp_path):
    assert main(["remedy", "my_own", "--out", str(tmp_path)]) == 0
    argv = LOOKS["remedy"].format(name="my_own").split()[2:]
    argv += ["--store", "store", "--size2", "12", "--json", "--workers", "1"]
    done = run(argv, tmp_path, SUPPRESSION_PLUGINS="my_own.py")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    trained = {
        (row.get("remedy"), row.get("closeness")) for row in rows if row["method"] == "simclr"
    }
    assert trained == {(None, None), ("my_own", 0.1)}


def test_a_remedy_is_a_file_of_25_lines():
    assert len(texts("remedy", "my_own")["my_own.py"].splitlines()) == 25
    assert "class MyOwn(Remedy):" in texts("remedy", "my_own")["my_own.py"]
    assert set(texts("dataset", "my_own")) == {"my_own.py", "my_own.toml", "test_my_own.py"}


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["remedi", "mine"], "there is nothing new of the kind 'remedi'; did you mean 'remedy'?"),
        (["remedy", "My-Own"], "'My-Own' is no name of a module: lower_case letters"),
        (["remedy", "2nd"], "'2nd' is no name of a module"),
        (["remedy", "class"], "'class' is a word of Python"),
        (["remedy", "random"], "'random' is a word of Python, or a module of its own"),
        (["remedy", "ifm"], "there is a remedy 'ifm' already; choose another name"),
        (["method", "simclr"], "there is a method 'simclr' already"),
        (["remedy", "mine", "--out", "nowhere"], "there is no folder nowhere"),
        (["remedy"], "the following arguments are required: name"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_writes_nothing(
    argv, told, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path, capsys):
    (tmp_path / "test_mine.py").write_text("mine")
    assert main(["remedy", "mine", "--out", str(tmp_path)]) == 2
    assert "test_mine.py is there already; choose another name, or --out" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine.py"]
    assert (tmp_path / "test_mine.py").read_text() == "mine"
