"""Tables of one's own: what is drawn is what was handed over, and bad ones are told by name."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

import suppression as sup
from suppression.data import RandomBits, TableScenes, from_table, load_pool
from suppression.data.sources import table as source
from suppression.errors import UserError
from suppression.seeding import torch_rng

N = 120
LEVEL = np.arange(N) % 3  # 0, 1, 2: how bright
SIDE = np.arange(N) // 3 % 2  # the bright half
WRITER = np.arange(N) // 6


def pictures(n=N, side=16):
    """Each row's number is in its corner, so that a picture tells which one it is."""
    images = np.zeros((n, side, side, 3), np.uint8)
    for row in range(n):
        half = slice(0, side // 2) if SIDE[row] else slice(side // 2, side)
        images[row, :, half] = 60 + 60 * LEVEL[row]
        images[row, 0, 0] = row
    return images


FACTORS = {"level": LEVEL, "half": np.array(["left", "right"])[SIDE]}


def written(folder, columns=None, images=None):
    images = pictures() if images is None else images
    columns = FACTORS if columns is None else columns
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "metadata.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["file_name", *columns])
        for row, image in enumerate(images):
            Image.fromarray(image).save(folder / f"{row}.png")
            lines.writerow([f"{row}.png", *[values[row] for values in columns.values()]])
    return folder


def rows_of(pool):
    return pool.images[:, 0, 0, 0].long()


def drawn(scenes, train=True, n=50):
    pool = load_pool(scenes, train=train)
    return pool, scenes.factors(n, torch_rng("test", 0), pool)


def check(scenes, levels=LEVEL, sides=SIDE):
    """Factors and pictures belong together, in both parts, and the parts share no row."""
    rows = []
    for train in (True, False):
        pool, factors = drawn(scenes, train)
        numbers = rows_of(pool)[factors["instance"]]
        assert factors["level"].tolist() == levels[numbers].tolist()
        assert factors["half"].tolist() == sides[numbers].tolist()
        x = scenes.render(factors, pool)
        assert torch.equal((x[:, 0, 0, 0] * 255).round().long(), numbers)
        rows.append(set(rows_of(pool).tolist()))
    assert rows[0] | rows[1] == set(range(N))
    assert not rows[0] & rows[1]
    return rows


def test_arrays_paths_and_a_folder_draw_the_same_pictures(tmp_path):
    folder = written(tmp_path / "mine")
    paths = [folder / f"{row}.png" for row in range(N)]
    parts = [
        check(from_table(pictures(), FACTORS)),
        check(from_table(torch.from_numpy(pictures()), FACTORS)),
        check(from_table(paths, FACTORS)),
        check(from_table(folder)),
        check(TableScenes(canvas=16, source=f"table:{folder}")),
    ]
    assert all(each == parts[0] for each in parts)
    assert len(parts[0][1]) == N // 5


def test_no_unit_is_in_both_parts_and_an_interval_counts_it_once():
    scenes = from_table(pictures(), FACTORS, unit=WRITER)
    training, held_out = check(scenes)
    assert not set(WRITER[list(training)]) & set(WRITER[list(held_out)])
    pool, factors = drawn(scenes)
    numbers = rows_of(pool)[factors["instance"]]
    assert scenes.units(factors, pool)["level"].tolist() == WRITER[numbers].tolist()


def test_a_split_is_kept_and_one_that_parts_a_unit_is_refused():
    split = np.where(np.arange(N) < 60, "train", "test")
    training, _ = check(from_table(pictures(), FACTORS, split=split, unit=WRITER))
    assert training == set(range(60))
    with pytest.raises(UserError, match="20 units are in both parts"):
        from_table(pictures(), FACTORS, split=np.where(LEVEL < 3, SIDE, 0) == 0, unit=WRITER)
    with pytest.raises(UserError, match="has no row where 'level' is 2"):
        from_table(pictures(), FACTORS, split=LEVEL < 2)
    with pytest.raises(UserError, match="has the value 'trian'; did you mean 'train'"):
        from_table(pictures(), FACTORS, split=["trian"] * N)


def test_parts_in_folders_of_their_own_are_the_split(tmp_path):
    images = pictures()
    for part, rows in (("train", np.arange(80)), ("test", np.arange(80, N))):
        columns = {name: values[rows] for name, values in FACTORS.items()}
        written(tmp_path / part, columns, images[rows])
    training, _ = check(from_table(tmp_path))
    assert training == set(range(80))


def test_an_npz_of_dsprites_is_read_without_its_pickle(tmp_path):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("the pickle was opened",)

    path = tmp_path / "dsprites.npz"
    imgs = (np.random.default_rng(0).random((N, 16, 16)) > 0.5).astype(np.uint8)
    classes = np.stack([np.zeros(N), LEVEL, SIDE, WRITER, WRITER % 2, LEVEL], 1).astype(np.int64)
    np.savez_compressed(
        path, imgs=imgs, latents_classes=classes, metadata=np.array(Bomb(), dtype=object)
    )
    scenes = from_table(path, ["shape", "scale"])
    assert scenes.features == ("shape", "scale")
    pool, factors = drawn(scenes)
    assert set(pool.images.unique().tolist()) == {0, 255}
    assert scenes.render(factors, pool).shape == (50, 3, 16, 16)


def test_a_hugging_face_data_set_is_a_table(tmp_path):
    hf = pytest.importorskip("datasets.arrow_dataset", reason="extra hf")
    features = pytest.importorskip("datasets.features")
    data = hf.Dataset.from_dict(
        {"image": [Image.fromarray(each) for each in pictures()], "level": LEVEL, "half": SIDE},
        features=features.Features(
            {
                "image": features.Image(),
                "level": features.Value("int64"),
                "half": features.ClassLabel(names=["left", "right"]),
            }
        ),
    )
    scenes = from_table(data)
    check(scenes)
    assert scenes.classes(load_pool(scenes))["half"] == ("left", "right")


def test_a_large_table_is_read_as_it_is_drawn(tmp_path, monkeypatch):
    np.save(tmp_path / "imgs.npy", pictures())
    on_disk = np.load(tmp_path / "imgs.npy", mmap_mode="r")
    held = check(from_table(on_disk, FACTORS))
    monkeypatch.setattr(source, "HELD", 0)
    scenes = from_table(on_disk, FACTORS)
    pool, factors = drawn(scenes)
    assert isinstance(pool.images, source.Indexed)
    few = pool.first(7).to("cpu")
    assert len(few) == len(few.hashes) == 7
    x = scenes.render(factors, pool)
    numbers = (x[:, 0, 0, 0] * 255).round().long()
    assert factors["level"].tolist() == LEVEL[numbers].tolist()
    assert set(numbers.tolist()) <= held[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"level": LEVEL[:-1]}, "factor 'level' has 119 values for 120 pictures"),
        ({"level": np.zeros(N, int)}, "factor 'level' has one value, 0"),
        ({}, "factors is missing"),
    ],
)
def test_bad_factors_are_told(change, says):
    with pytest.raises(UserError, match=says):
        from_table(pictures(), change)


def test_an_identifier_is_warned_of_and_is_no_feature():
    with pytest.warns(UserWarning, match="'camera' has 120 values in 120 rows: an identifier"):
        scenes = from_table(pictures(), {**FACTORS, "camera": np.arange(N)})
    assert scenes.features == ("level", "half")


def test_missing_repeated_and_unreadable_files_are_named(tmp_path):
    folder = written(tmp_path / "mine")
    paths = [folder / f"{row}.png" for row in range(N)]
    with pytest.raises(UserError, match=r"1 files are not there: .*nowhere.png"):
        from_table([folder / "nowhere.png", *paths[1:]], FACTORS)
    with pytest.raises(UserError, match=r"1 files are listed twice: .*1.png"):
        from_table([paths[1], *paths[1:]], FACTORS)
    paths[5].write_text("no picture")
    with pytest.raises(UserError, match=r"1 files are no pictures: .*5.png"):
        from_table(folder)


@pytest.mark.parametrize("name", ["../outside.png", "/outside.png", "x/../../outside.png"])
def test_a_table_of_a_stranger_names_no_picture_outside_of_its_folder(tmp_path, name):
    folder = written(tmp_path / "mine")
    Image.new("L", (16, 16)).save(tmp_path / "outside.png")
    table = folder / "metadata.csv"
    table.write_text(table.read_text().replace("\n7.png", f"\n{name}"))
    with pytest.raises(UserError, match=r"metadata\.csv, line 9: '.*' leads out of its folder"):
        from_table(folder)


def test_pictures_of_another_type_and_an_unknown_column_are_told(tmp_path):
    with pytest.raises(UserError, match="images is float32"):
        from_table(pictures().astype(np.float32), FACTORS)
    with pytest.raises(UserError, match="there is no column 'levle'; did you mean 'level'"):
        from_table(written(tmp_path / "mine"), ["levle"])
    with pytest.raises(UserError, match="is not there"):
        from_table(tmp_path / "nowhere")
    with pytest.raises(UserError, match="handed over in another process"):
        _ = TableScenes(source="table:memory-0").features


def test_a_folder_that_changes_has_another_fingerprint(tmp_path):
    from suppression.data.sources.fingerprint import fingerprint

    folder = written(tmp_path / "mine")
    name = f"table:{folder}"
    before = fingerprint(name)
    assert before == fingerprint(name)
    written(folder, {"level": LEVEL[::-1], "half": SIDE})
    assert fingerprint(name) != before


def test_a_table_is_a_source_of_photographs_labelled_by_its_first_factor(tmp_path):
    scenes = RandomBits(source=f"table:{written(tmp_path / 'mine')}", bits=2, canvas=16)
    pool = load_pool(scenes)
    assert pool.labels.tolist() == LEVEL[rows_of(pool)].tolist()
    assert scenes.channels == 5


def test_a_network_is_trained_on_a_table_and_asked_for_its_factors():
    scenes = from_table(pictures(), FACTORS, unit=WRITER)
    encoder = sup.fit(scenes, method="supervised", steps=20, batch=32, width=4, progress=False)
    rows = sup.evaluate(encoder, scenes, train=200, test=100)
    accuracy = {row["feature"]: row["accuracy"] for row in rows}
    assert accuracy.keys() == {"level", "half"}
    assert min(accuracy.values()) > 0.9  # halves of one brightness are all there is


def test_a_unit_that_is_a_column_is_no_factor():
    by_column = from_table(pictures(), {**FACTORS, "writer": WRITER}, unit="writer")
    assert "writer" not in by_column.features
    training, _ = check(by_column)
    same, _ = check(from_table(pictures(), FACTORS, unit=WRITER))
    assert training == same
