"""Losses between batches of embeddings: with negatives, without them, with labels, over prototypes.

Distances of embeddings from a distribution are here, too.

Every loss takes `(n, d)` tensors, row `i` of both views being the same scene, and returns a scalar
tensor to call `backward()` on:

    >>> import torch
    >>> from suppression.losses import nt_xent
    >>> z1 = torch.eye(4, requires_grad=True)
    >>> z2 = torch.eye(4)
    >>> loss = nt_xent(z1, z2, tau=0.5)
    >>> loss.backward()
    >>> z1.grad.shape
    torch.Size([4, 4])
"""

from suppression.losses.contrastive import info_nce, nt_xent
from suppression.losses.distribution import mean_logsumexp, sliced_wasserstein
from suppression.losses.hyperspherical import dhel, kcl
from suppression.losses.negatives import decoupled_nt_xent, hard_nt_xent
from suppression.losses.pairwise import pairwise
from suppression.losses.prototypes import sinkhorn, swapped
from suppression.losses.redundancy import barlow_twins, vicreg
from suppression.losses.sigmoid import sigmoid_loss
from suppression.losses.spectral import spectral_contrastive
from suppression.losses.supcon import sup_con

__all__ = [
    "barlow_twins",
    "decoupled_nt_xent",
    "dhel",
    "hard_nt_xent",
    "info_nce",
    "kcl",
    "mean_logsumexp",
    "nt_xent",
    "pairwise",
    "sigmoid_loss",
    "sinkhorn",
    "sliced_wasserstein",
    "spectral_contrastive",
    "sup_con",
    "swapped",
    "vicreg",
]
