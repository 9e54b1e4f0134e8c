"""Losses between batches of embeddings."""

from suppression.losses.contrastive import info_nce, nt_xent
from suppression.losses.pairwise import pairwise
from suppression.losses.prototypes import swapped
from suppression.losses.supcon import sup_con

__all__ = ["info_nce", "nt_xent", "pairwise", "sup_con", "swapped"]
