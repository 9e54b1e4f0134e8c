"""Measures of a batch of embeddings: the contrastive task, and how many directions they vary in."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from suppression import expect
from suppression.losses import contrastive
from suppression.losses.contrastive import positives


@torch.no_grad()
def contrastive_metrics(
    z1: Tensor, z2: Tensor, *, tau: float, norm: bool = True
) -> dict[str, Tensor]:
    """How well the contrastive task is solved on one batch of projections.

    As in the loss, the whole matrix of similarities is never held; nothing has a gradient.

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        tau: Temperature of `contrast_entropy`, above 0.
        norm: Whether the first two measures are of cosines. If not, they are of inner products.

    Returns:
        Scalars by their name:

        * `contrast_accuracy`: the share of the 2n anchors whose other view is the most similar of
          the 2n - 1 other projections, in [0, 1];
        * `contrast_entropy`: the mean entropy of softmax(similarities / tau), in nats, at most
          log(2n - 1);
        * `alignment`: the mean squared distance of the two views, in [0, 4];
        * `uniformity`: log mean exp(-2 d^2) over all other pairs, in [-8, 0];
        * `spread`: the mean standard deviation of the coordinates times sqrt(d), about 1 where the
          projections are spread out and 0 where they have collapsed to one point.

    Source:
        Chen et al. 2020 (SimCLR), Table 5; Wang & Isola 2020, "Understanding Contrastive
        Representation Learning through Alignment and Uniformity on the Hypersphere"; Chen & He 2021
        (SimSiam), section 4.1.

    Example:
        >>> measures = contrastive_metrics(torch.eye(4), torch.eye(4), tau=0.2)
        >>> for name, value in measures.items():
        ...     print(f"{name} {value:.3f}")
        contrast_accuracy 1.000
        contrast_entropy 0.234
        alignment 0.000
        uniformity -1.842
        spread 0.926
    """
    expect.vectors("contrastive_metrics", n=2, z1=z1, z2=z2)
    expect.positive("contrastive_metrics", tau=tau)
    n, d = z1.shape
    raw = torch.cat([z1, z2]).float()  # (2n, d)
    z = normalize(raw, dim=1)
    positive = positives(n, z.device)
    found = z.new_zeros(())
    entropy = z.new_zeros(())
    potential = z.new_zeros(())
    rows = max(1, contrastive.BLOCK // len(z))
    for start in range(0, 2 * n, rows):
        stop = start + rows
        with torch.autocast(z.device.type, enabled=False):
            cosine = z[start:stop] @ z.T  # (rows, 2n)
            similarity = cosine if norm else raw[start:stop] @ raw.T
        cosine.diagonal(start).fill_(-torch.inf)
        similarity.diagonal(start).fill_(-torch.inf)
        log_p = (similarity / tau).log_softmax(1)
        found += (similarity.argmax(1) == positive[start:stop]).sum()
        entropy -= (log_p.exp() * log_p).nan_to_num(0.0).sum()  # an anchor itself has 0 log 0
        squared_distance = 2 - 2 * cosine
        potential += (-2 * squared_distance).exp().sum()  # an anchor itself has exp(-inf)
    return {
        "contrast_accuracy": found / (2 * n),
        "contrast_entropy": entropy / (2 * n),
        "alignment": (z[:n] - z[n:]).square().sum(1).mean(),
        "uniformity": (potential / (2 * n * (2 * n - 1))).log(),
        "spread": z.std(0).mean() * d**0.5,
    }


@torch.no_grad()
def participation_ratio(z: Tensor) -> Tensor:
    """How many directions the normalized embeddings vary in.

    It is (sum of variances)^2 / (sum of squared variances) along the principal axes.

    Args:
        z: Embeddings, (n, d).

    Returns:
        A scalar from 1 to d; 0 where the embeddings do not vary at all.

    Source:
        Gao et al. 2017, "A theory of multineuronal dimensionality, dynamics and measurement".

    Example:
        Vectors that vary equally along two of three axes:

        >>> z = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
        >>> participation_ratio(z)
        tensor(2.)
    """
    expect.vectors("participation_ratio", z=z)
    z = normalize(z.float(), dim=1)
    z = z - z.mean(0)
    with torch.autocast(z.device.type, enabled=False):
        scatter = z.T @ z  # (d, d)
    # The sum of its eigenvalues is the trace, that of their squares the sum of squared entries.
    squares = scatter.square().sum().clamp(min=torch.finfo(z.dtype).tiny)
    return scatter.trace().square() / squares


def effective_rank(z: Tensor) -> float:
    """The effective rank of the normalized embeddings (RankMe).

    It is exp of the entropy of the singular values, taken as shares of their sum.

    Args:
        z: Embeddings, (m, d).

    Returns:
        From 1, where all embeddings lie on one line through 0 or are 0, to min(m, d).

    Source:
        Roy & Vetterli 2007, "The effective rank"; Garrido et al. 2023, "RankMe".

    Example:
        >>> print(f"{effective_rank(torch.eye(4)):.2f}")
        4.00
        >>> print(f"{effective_rank(torch.ones(4, 4)):.2f}")
        1.00
    """
    expect.vectors("effective_rank", z=z)
    singular_values = torch.linalg.svdvals(normalize(z.double(), dim=1))
    total = singular_values.sum().clamp(min=torch.finfo(torch.float64).tiny)
    p = singular_values / total
    return torch.special.entr(p).sum().exp().item()
