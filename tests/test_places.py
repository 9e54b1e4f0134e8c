"""Folders of the user's: `~` is the home folder, and a missing home is told with what to name."""

from __future__ import annotations

from pathlib import Path

import pytest

from suppression import exp, places, show
from suppression.data.sources.root import data_root
from suppression.errors import UserError
from suppression.execution.store import Store
from suppression.experiment import files


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_tilde_is_the_home_folder_wherever_a_folder_is_named(home, monkeypatch):
    assert Store("~/x").root == home / "x"
    assert data_root("~/x") == home / "x"
    monkeypatch.setenv("SUPPRESSION_HOME", "~/y")
    monkeypatch.setenv("SUPPRESSION_DATA", "~/z")
    monkeypatch.setenv("SUPPRESSION_PATH", "~/shelf")
    assert Store().root == home / "y" / "store"
    assert data_root(None) == home / "z"
    assert next(files.folders("datasets")) == home / "shelf" / "datasets"


def test_other_names_are_taken_as_they_are():
    for name in ("x", "a/~/b", ".", "/tmp/with blank"):
        assert places.named(name) == Path(name)
        assert places.folder(name) == Path(name)


@pytest.mark.parametrize("name", ["", " "])
def test_a_name_that_is_empty_is_not_the_current_folder(name, capsys):
    for take in (Store, data_root):
        with pytest.raises(UserError, match="an empty name is no folder"):
            take(name)
    for flag in ("--out", "--store", "--root"):
        assert exp.main(["digit_size", flag, name]) == 2
        assert capsys.readouterr().err.startswith(f"error: {flag}: an empty name is no folder")
    for flag in ("--out", "--root"):
        assert show.main(["two_digits", flag, name]) == 2
        assert capsys.readouterr().err.startswith(f"error: {flag}: an empty name is no folder")


def test_a_home_that_is_not_there_is_told(monkeypatch):
    def no_home(*_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    with pytest.raises(UserError, match="~/x: Could not determine home directory"):
        Store("~/x")
    monkeypatch.delenv("SUPPRESSION_HOME")
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: Path("~/.local/share") / name)
    with pytest.raises(UserError, match=r"no home folder .* name a folder with SUPPRESSION_HOME"):
        Store()
