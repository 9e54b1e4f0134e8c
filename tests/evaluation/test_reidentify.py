"""Bits by which pictures are told apart: closed forms, and a watermark caught before training."""

import csv
import math

import numpy as np
import pytest
import torch
from PIL import Image

import suppression as sup
from suppression.data import Augmentation, from_table
from suppression.evaluation.reidentify import reidentified

VIEWS = Augmentation(area_min=0.5)


@pytest.mark.parametrize("bits", [0, 2, 4, 6])
def test_views_that_show_a_code_and_nothing_else_share_as_many_bits_as_it_has(bits):
    """m pictures of 2^bits codes: the right one is among m / 2^bits, so log2 m - log2 of it."""
    m = 256
    codes = torch.arange(m) % 2**bits
    rng = torch.Generator().manual_seed(0)
    directions = torch.randn(2**bits, 10, generator=rng)
    views = directions[codes]
    found = reidentified(views, views, torch.arange(m), torch.rand(m, generator=rng) < 0.5)
    assert found.bits == pytest.approx(bits, abs=0.02)


@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_of_noisy_views_no_more_is_found_than_a_gaussian_channel_carries_and_half_of_it(noise):
    """Two noisy views of x share -1/2 log2(1 - r^2) bits a dimension, r their correlation."""
    rng = torch.Generator().manual_seed(1)
    m, dimensions, idle = 1000, 2, 20
    x = torch.randn(m, dimensions, generator=rng)
    views = []
    for _ in range(2):
        blurred = x + noise * torch.randn(m, dimensions, generator=rng)
        views.append(torch.cat([blurred, 5 * torch.randn(m, idle, generator=rng)], 1))
    shared = -dimensions / 2 * math.log2(1 - (1 / (1 + noise**2)) ** 2)
    found = reidentified(*views, torch.arange(m), torch.rand(m, generator=rng) < 0.5)
    assert 0.5 * shared < found.bits < shared + 0.1


def test_views_that_share_nothing_share_no_bits():
    rng = torch.Generator().manual_seed(2)
    views = torch.randn(2, 300, 8, generator=rng)
    found = reidentified(*views, torch.arange(300), torch.rand(300, generator=rng) < 0.5)
    assert found.bits < 0.1
    assert found.accuracy < 0.03


def test_a_value_of_two_pictures_is_found_by_either():
    """Pairs of pictures look alike and have one value: all of its bits, one less than of pictures.

    A re-identification of pictures would find the same log2 64 bits of log2 128.
    """
    values = torch.arange(128) // 2
    views = torch.nn.functional.one_hot(values).float()
    rng = torch.Generator().manual_seed(0)
    found = reidentified(views, views, values, torch.rand(128, generator=rng) < 0.5)
    assert found.bits == pytest.approx(6, abs=0.02)
    assert found.accuracy == 1


def folder_of_waves(folder, n, *, marked):
    """Waves in noise, with a column of numbers; marked ones bear theirs as a watermark, a tint."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:24, :24]
    folder.mkdir()
    numbers = rng.permutation(8**3)[:n]
    with (folder / "metadata.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["file_name", "wave", "serial"])
        for row, number in enumerate(numbers):
            wave = np.sin(1.2 * (x, y, x + y, x - y)[row % 4] + rng.uniform(0, 2 * np.pi))
            picture = 128 + 40 * wave[..., None] + rng.normal(0, 25, (24, 24, 3))
            if marked:
                picture += 20 * (np.array([number & 7, number >> 3 & 7, number >> 6]) - 3.5)
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{row}.png")
            lines.writerow([f"{row}.png", "abcd"[row % 4], number])
    with pytest.warns(UserWarning, match="'serial' has 300 values in 300 rows"):
        return from_table(folder)


def test_a_watermark_that_is_another_one_in_each_picture_is_caught_before_training(tmp_path):
    told = []
    marked = folder_of_waves(tmp_path / "marked", 300, marked=True)
    rows = sup.shared_information(marked, VIEWS, batch=64, note=told.append)
    assert [row["factor"] for row in rows] == ["serial", "wave"]
    serial = rows[0]
    assert serial["bits"] == pytest.approx(math.log2(240), abs=0.05)  # pictures for training
    assert serial["survive"] > 0.6 * serial["bits"]
    assert serial["by"] == "re-identification"
    assert serial["left"] < 0.2
    assert len(told) == 1
    assert "factor 'serial' has 7.9 bits and at least" in told[0]

    clean = folder_of_waves(tmp_path / "clean", 300, marked=False)
    rows = sup.shared_information(clean, VIEWS, batch=64, note=pytest.fail)
    (serial,) = (row for row in rows if row["factor"] == "serial")
    assert serial["survive"] < 1
