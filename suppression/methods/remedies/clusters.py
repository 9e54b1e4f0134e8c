"""Negatives from one cluster of what the network before has learned, as in MCL."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from suppression.data.base import Factors
from suppression.data.two_views import count
from suppression.errors import UserError
from suppression.methods import Method
from suppression.methods.base import width_of
from suppression.methods.remedies.base import Remedy, Stream

FITTED_ON = 2048  # scenes that the clusters are made of
DEALT = 100  # batches that are drawn and sorted together
AT_ONCE = 256  # pictures that go through the network together


class Clusters(Remedy):
    """The scenes of a batch are of one cluster of the features that training starts from.

    What the network has learned before, an easy feature first of all, then tells them apart no
    longer. Features are those of the frozen encoder of `start`, of the whole scene, normalised,
    and clusters are found by k-means. Scenes are drawn for 100 batches at once, put in the order
    of their clusters, near ones side by side, and cut into batches: what is left over of a
    cluster, or all of a small one, meets the next cluster's, and no scene is dropped.

    Args:
        clusters: How many clusters, 1 to 2,048; with one, batches are as without the remedy.

    Raises:
        ValueError: `clusters` is out of range.

    Source:
        Zhang et al. 2024, "Learning the Unlearned: Mitigating Feature Suppression in Contrastive
        Learning" (MCL), with ten clusters. They go on for several stages and concatenate the
        features of all; this is one stage after another, and probes see the last one.

    Example:
        >>> from suppression.methods import Continued, SimCLR
        >>> from suppression.methods.remedies import Clusters, with_remedies
        >>> from suppression.models import ResNet
        >>> start = SimCLR(ResNet(width=4, stem=1, channels=1))
        >>> method = with_remedies(Continued(start.encoder, start), [Clusters(clusters=4)])
        >>> method.remedies[0].centres.shape
        torch.Size([4, 32])
    """

    name = "clusters"
    needs = "a network to start from and a loss of pairs"

    def __init__(self, *, clusters: int = 10) -> None:
        if not 1 <= clusters <= FITTED_ON:
            raise ValueError(
                f"clusters = {clusters}: they are made of {FITTED_ON:,} pictures, so there are 1 "
                f"to {FITTED_ON:,}"
            )
        super().__init__()
        self.clusters = clusters
        self.dealt: tuple[int, int, int] | None = None  # seed, round and batch of what follows
        self.scenes: Factors = {}
        self.order = torch.empty(0)

    @classmethod
    def goes_with(cls, kind: type[Method]) -> bool:
        return super().goes_with(kind) and kind.builds_on[:1] == ("start",)

    def attach(self, method: Any) -> None:
        self.before = copy.deepcopy(method.encoder).requires_grad_(False).eval()
        self.centres: Tensor
        self.fitted: Tensor
        self.register_buffer("centres", torch.zeros(self.clusters, width_of(method.encoder)))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    def train(self, mode: bool = True) -> Clusters:
        """The network before stays as it was, its batch norms too."""
        super().train(mode)
        if hasattr(self, "before"):
            self.before.eval()
        return self

    def sample(self, stream: Stream, n: int) -> Factors:
        round_, place = divmod(stream.step, DEALT)
        if self.dealt != (stream.seed, round_, n):
            self.deal(stream, n, round_)
            self.dealt = (stream.seed, round_, n)
        rows = self.order[place]
        return {name: value[rows] for name, value in self.scenes.items()}

    def deal(self, stream: Stream, n: int, round_: int) -> None:
        """Draw the scenes of a round of batches, and sort them into batches."""
        if not self.fitted:
            self.fit(stream)
        rng = stream.named_rng("clusters", round_)
        self.scenes = stream.draw(DEALT * n, rng)
        batches = torch.randperm(DEALT, generator=rng, device=rng.device)
        if self.clusters == 1:
            rows = torch.arange(DEALT * n, device=rng.device)
        else:
            rows = self.place_of(self.features(stream, self.scenes)).argsort(stable=True)
        self.order = rows.view(DEALT, n)[batches]  # (DEALT, n)

    def fit(self, stream: Stream) -> None:
        """Find the clusters; UserError where there are fewer pictures."""
        from sklearn.cluster import KMeans

        x = self.features(stream, stream.draw(FITTED_ON, stream.named_rng("fit")))
        distinct = len(x.unique(dim=0))
        if distinct < self.clusters:
            raise UserError(
                f"clusters = {self.clusters}: the network tells only {distinct} pictures apart "
                f"among {FITTED_ON:,}; give fewer"
            )
        found = KMeans(self.clusters, n_init=3, random_state=0).fit(x.double().cpu().numpy())
        centres = torch.from_numpy(found.cluster_centers_)
        self.centres.copy_(centres[chain(centres)])
        self.fitted.fill_(True)

    def place_of(self, x: Tensor) -> Tensor:
        """The place of each vector's cluster in the chain of clusters, (n,)."""
        return torch.cdist(x, self.centres).argmin(1)

    @torch.no_grad()
    def features(self, stream: Stream, drawn: Factors) -> Tensor:
        """Normalised features of whole scenes by the network before, (n, h_dim)."""
        parts = []
        for start in range(0, count(drawn), AT_ONCE):
            some = {name: value[start : start + AT_ONCE] for name, value in drawn.items()}
            x = stream.pictures(some).contiguous(memory_format=torch.channels_last)
            parts.append(normalize(self.before(x).float(), dim=1))
        return torch.cat(parts)


def chain(centres: Tensor) -> list[int]:
    """The rows of centres (k, d) in an order in which each is followed by the nearest one left.

    >>> chain(torch.tensor([[0.0], [5.0], [1.0], [4.0]]))
    [0, 2, 3, 1]
    """
    apart = torch.cdist(centres, centres)
    order, left = [0], set(range(1, len(centres)))
    while left:
        distances = apart[order[-1]]
        nearest = min(left, key=lambda row: (float(distances[row]), row))
        order.append(nearest)
        left.remove(nearest)
    return order
