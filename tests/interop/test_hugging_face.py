"""An exported folder in the hands of `datasets` and of `mlcroissant`."""

from __future__ import annotations

import csv
import logging

import numpy as np
import pytest
from PIL import Image

from suppression.data import TwoDigits, export, from_table, load_pool

SCENES = TwoDigits(canvas=24, size1=8, size2=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return export(SCENES, tmp_path_factory.mktemp("export"), n=600)


def table(folder, part):
    with (folder / part / "metadata.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture
def loaded(folder, tmp_path, monkeypatch):
    # Not "datasets" alone: that is also a folder of this checkout.
    pytest.importorskip("datasets.arrow_dataset", reason="extra interop")
    import datasets

    datasets.disable_progress_bars()

    def load(*args, **kwargs):
        return datasets.load_dataset(*args, cache_dir=str(tmp_path / "cache"), **kwargs)

    return load


@pytest.mark.filterwarnings("ignore")
def test_an_image_folder_has_the_factors_as_columns(folder, loaded):
    for data in (loaded("imagefolder", data_dir=str(folder)), loaded(str(folder))):
        assert {part: len(data[part]) for part in data} == {"train": 480, "test": 120}
        for part in data:
            for row, said in zip(data[part], table(folder, part), strict=True):
                image = Image.open(folder / part / said.pop("file_name"))
                assert np.array_equal(np.asarray(row.pop("image")), np.asarray(image))
                assert {name: str(value) for name, value in row.items()} == said


@pytest.mark.filterwarnings("ignore")
def test_what_it_loads_is_a_table_of_ours(folder, loaded):
    data = loaded("imagefolder", data_dir=str(folder))["train"]
    scenes = from_table(data, ["first", "second"])
    pools = [load_pool(scenes, train=train) for train in (True, False)]
    assert sum(map(len, pools)) == 480
    assert scenes.features == ("first", "second")
    units = [set(pool.originals.tolist()) for pool in pools]
    assert not units[0] & units[1]  # the column `unit` is what it is called


@pytest.mark.filterwarnings("ignore")
def test_croissant_is_valid_and_gives_the_same_rows(folder, caplog):
    mlcroissant = pytest.importorskip("mlcroissant", reason="extra interop")
    with caplog.at_level(logging.WARNING):
        data = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert caplog.text == ""
    for part in ("train", "test"):
        rows = table(folder, part)
        records = list(data.records(part))
        assert len(records) == len(rows)
        for record, row in zip(records, rows, strict=True):
            image = Image.open(folder / part / row["file_name"])
            assert np.array_equal(np.asarray(record[f"{part}/image"])[..., 0], np.asarray(image))
            assert record[f"{part}/first"].decode() == row["first"]
            assert record[f"{part}/top2"] == int(row["top2"])
