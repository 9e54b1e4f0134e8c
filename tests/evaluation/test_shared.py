"""What views share is told before training, and a training does what was told."""

import csv

import numpy as np
import pytest
from PIL import Image

import suppression as sup
from suppression.data import Augmentation, RandomBits, from_table
from suppression.evaluation.shared import fano
from suppression.metrics import incentive
from suppression.show import main

VIEWS = Augmentation(area_min=0.5)
BITS = 6  # of the watermark: two a channel, the picture's tint


def folder_of_waves(folder, n, *, marked):
    """Waves in one of four directions, in noise; marked ones have the tint of their camera."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:24, :24]
    folder.mkdir()
    with (folder / "metadata.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["file_name", "wave", "unit"])
        for row in range(n):
            camera = int(rng.integers(2**BITS))
            wave = np.sin(1.2 * (x, y, x + y, x - y)[row % 4] + rng.uniform(0, 2 * np.pi))
            picture = 128 + 60 * wave[..., None] + rng.normal(0, 25, (24, 24, 3))
            if marked:
                picture += 40 * (np.array([camera & 3, camera >> 2 & 3, camera >> 4]) - 1.5)
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{row}.png")
            lines.writerow([f"{row}.png", "abcd"[row % 4], camera])
    return from_table(folder)


def by_factor(rows):
    return {row["factor"]: row for row in rows}


def test_fano_is_the_information_of_a_readout_whose_errors_are_spread_evenly():
    """By the mutual information of a symmetric channel, summed over its table."""
    for values in (2, 5, 32):
        for accuracy in (1 / values, 0.6, 0.9, 1.0):
            joint = np.full((values, values), (1 - accuracy) / (values - 1) / values)
            np.fill_diagonal(joint, accuracy / values)
            at = joint > 0
            information = (joint[at] * np.log2(joint[at] * values**2)).sum()
            assert fano(np.log2(values), accuracy, values) == pytest.approx(information, abs=1e-9)


def test_bits_that_augmentation_does_not_reach_survive_and_a_hidden_picture_does_not():
    rows = by_factor(sup.shared_information(RandomBits(canvas=16, bits=4), n=400))
    for name in ("bit1", "bit2", "bit3", "bit4"):
        assert rows[name]["survive"] == pytest.approx(rows[name]["bits"], abs=0.01)
        assert rows[name]["left"] == pytest.approx(
            incentive(rows[name]["survive"], batch=256, tau=0.2) / incentive(0, batch=256, tau=0.2)
        )
    assert rows["class"]["survive"] < 1.5  # of 3.3 bits; crops of a twelfth leave little


def test_bits_drawn_anew_for_the_second_view_are_not_shared():
    rows = by_factor(sup.shared_information(RandomBits(canvas=16, bits=2, redraw=1.0), n=400))
    assert rows["bit1"]["survive"] < 0.05


@pytest.mark.slow
def test_a_planted_watermark_is_caught_and_a_training_does_what_was_predicted(tmp_path):
    marked = folder_of_waves(tmp_path / "marked", 300, marked=True)
    clean = folder_of_waves(tmp_path / "clean", 300, marked=False)
    told = []
    rows = sup.shared_information(marked, VIEWS, batch=64, note=told.append)
    assert [row["factor"] for row in rows] == ["unit", "wave"]
    assert rows[0]["survive"] > 0.8 * rows[0]["bits"] > 4
    assert rows[0]["left"] < 0.4
    assert len(told) == 1
    assert "factor 'unit' has 5." in told[0]
    rows = by_factor(sup.shared_information(clean, VIEWS, batch=64, note=pytest.fail))
    assert rows["unit"]["survive"] < 0.5

    accuracy = {}
    for scenes in (marked, clean):
        encoder = sup.fit(scenes, steps=80, batch=64, width=8, stem=1, area_min=0.5, progress=False)
        rows = sup.evaluate(encoder, scenes, features=["wave"], train=500, test=250)
        accuracy[scenes] = rows[0]["accuracy"]
    assert accuracy[clean] > accuracy[marked] + 0.15


def test_the_command_tells_what_is_shared(tmp_path, capsys):
    words = ["random_bits", "--bits", "2", "--canvas", "16", "--shared"]
    assert main([*words, "--out", str(tmp_path / "sheet.png")]) == 0
    text = capsys.readouterr().out
    line = next(line for line in text.splitlines() if line.startswith("bit1"))
    assert line.split()[1:3] == ["1.0", "1.0"]
    assert max(map(len, text.splitlines()[-4:])) <= 80
