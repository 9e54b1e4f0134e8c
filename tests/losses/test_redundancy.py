"""VICReg and Barlow Twins as functions: equal to NumPy's statistics, term by term."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from suppression.errors import UserError
from suppression.losses import barlow_twins, vicreg


def views(n=12, d=5):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(2, n, d, generator=rng, dtype=torch.float64) * torch.linspace(0.3, 2, d)


@pytest.mark.parametrize("weights", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (25, 25, 1)])
def test_vicreg_is_the_sum_of_its_terms(weights):
    z1, z2 = views()
    invariance, varied, redundant = np.mean((z1.numpy() - z2.numpy()) ** 2), 0.0, 0.0
    for z in (z1.numpy(), z2.numpy()):
        covariances = np.cov(z.T)
        for i in range(len(covariances)):
            varied += max(0, 1 - np.sqrt(covariances[i, i] + 1e-4)) / len(covariances) / 2
            for j in range(len(covariances)):
                if i != j:
                    redundant += covariances[i, j] ** 2 / len(covariances)
    names = ("invariance", "variance", "covariance")
    wanted = np.dot(weights, [invariance, varied, redundant])
    found = vicreg(z1, z2, **dict(zip(names, map(float, weights), strict=True)))
    assert found.item() == pytest.approx(wanted, rel=1e-9)


def test_barlow_twins_is_the_distance_of_the_correlations_from_the_identity():
    z1, z2 = views()
    d = z1.shape[1]
    c = np.corrcoef(z1.numpy().T, z2.numpy().T)[:d, d:]
    wanted = 0.0
    for i in range(d):
        for j in range(d):
            wanted += (c[i, j] - 1) ** 2 if i == j else 0.1 * c[i, j] ** 2
    # The function has 1e-5 beside each variance, as a batch norm.
    assert barlow_twins(z1, z2, redundancy=0.1).item() == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda z: vicreg(z, z[:4]), "both need the same shape"),
        (lambda z: vicreg(z[:1], z[:1]), "n >= 2"),
        (lambda z: vicreg(z, z, variance=-1.0), "variance = -1.0; a finite number from 0 on"),
        (lambda z: barlow_twins(z, z.float()), "one type is wanted"),
        (lambda z: barlow_twins(z, z, redundancy=float("nan")), "redundancy = nan"),
    ],
)
def test_mistakes_are_told(call, told):
    with pytest.raises(UserError, match=told):
        call(views()[0])
