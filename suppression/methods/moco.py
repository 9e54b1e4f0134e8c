"""MoCo: Momentum Contrast (He et al. 2020, Algorithm 1; v2: Chen et al. 2020)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from suppression.methods._ema import ema_, follower
from suppression.methods._projection import Projected


class MoCo(Projected):
    """Each query tells its own key from a queue of keys of earlier batches.

    The first view (and each local crop) is a query, the second its key. Keys come from a moving
    average of encoder and head. Head and `tau` are v2's: two layers without batch norm, 0.2. The
    queue starts as random directions.

    Where a batch norm sees the queries and the keys of the same pictures, and negatives come from
    other batches, the batch's statistics give the key away (section 3.3). The paper's devices
    each normalise their own part of the batch, and keys are shuffled between them before. Here
    one device does that: the queries go through the network in `bn_groups` parts, and the keys in
    as many, dealt out like cards, so that any two parts share as few pictures as they can.
    Pictures come in random order, so dealing is as good as shuffling.

    Args:
        encoder: The network to be trained.
        tau: Temperature of the cosines, above 0.
        queue: Keys in the queue, 1 or more, a multiple of the keys of a batch; the paper's are
            65,536 for ImageNet, 4,096 suit small sets, as in the authors' CIFAR demo.
        ema: Share of itself that the key network keeps at a step, in [0, 1].
        symmetric: Whether each view is a query and a key once; the loss is the mean of both.
        bn_groups: Parts of the batch that are normalised apart, 1 or more, of 2 pictures or
            more each; 8 in the paper. With one group, the key is given away.
        head_bn: hidden puts a batch norm behind each hidden layer of the head, all one behind
            the last layer, too, off has none; none is hidden.
        **parameters: Those of the head (`Projected`).

    Raises:
        ValueError: A parameter is out of range, or does not fit the size of the batch.

    Source:
        He et al. 2020, Algorithm 1 and section 3.3; v2: Chen et al. 2020.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> encoder = ResNet(width=4, stem=1, channels=1)
        >>> method = MoCo(encoder, queue=32, bn_groups=2)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
        >>> method.after_step(progress=0.5)
    """

    hooks = ("batch", "views")

    def __init__(
        self,
        encoder: nn.Module,
        *,
        tau: float = 0.2,
        queue: int = 4096,
        ema: float = 0.999,
        symmetric: bool | None = None,
        bn_groups: int = 8,
        head_bn: Literal["off", "hidden", "all"] | None = "off",
        **parameters: Any,
    ) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        if queue < 1:
            raise ValueError(f"queue = {queue}: a queue holds one key at least")
        if bn_groups < 1:
            raise ValueError(f"bn_groups = {bn_groups}: the batch makes one group at least")
        super().__init__(encoder, head_bn=head_bn, **parameters)
        self.tau, self.ema, self.bn_groups = tau, ema, bn_groups
        self.symmetric = bool(symmetric)
        self.keys = follower(nn.Sequential(self.encoder, self.head), ema)
        self.queue: Tensor
        self.oldest: Tensor  # where the next keys go
        self.register_buffer("queue", normalize(torch.randn(queue, self.head.z_dim), dim=1))
        self.register_buffer("oldest", torch.zeros((), dtype=torch.long))
        self.fresh = self.queue[:0]

    def check_batch(self, batch: int) -> None:
        each = batch * (2 if self.symmetric else 1)
        if len(self.queue) % each:
            nearest = max(1, round(len(self.queue) / each)) * each
            raise ValueError(
                f"queue = {len(self.queue)} is not a multiple of the {each} keys of a batch of "
                f"{batch}; the nearest one is {nearest}"
            )
        if batch % self.bn_groups or batch < 2 * self.bn_groups:
            raise ValueError(
                f"bn_groups = {self.bn_groups} does not divide a batch of {batch} into equal "
                "groups of 2 or more; give one that does (1 is one group)"
            )

    def query(self, x: Tensor) -> Tensor:
        """Normalised queries, (n, d)."""
        parts = [self.embed(part) for part in x.chunk(self.bn_groups)]
        return normalize(torch.cat(parts), dim=1)

    @torch.no_grad()
    def key(self, x: Tensor) -> Tensor:
        """Normalised keys, (n, d)."""
        dealt = torch.arange(len(x), device=x.device).view(self.bn_groups, -1).T.flatten()
        parts = [self.keys(part).float() for part in x[dealt].chunk(self.bn_groups)]
        return normalize(torch.cat(parts), dim=1)[dealt.argsort()]

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        """The loss of queries z1 with their keys z2, both normalised."""
        with torch.autocast(z1.device.type, enabled=False):
            own = (z1 * z2).sum(1, keepdim=True)
            logits = torch.cat([own, z1 @ self.queue.T], 1) / self.tau  # (n, 1 + queue)
        first = torch.zeros(len(z1), dtype=torch.long, device=z1.device)
        return cross_entropy(logits, first)

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        x1, x2, y, *local = self.remedied_batch(x1, x2, y, *local)
        self.check_batch(len(x1))
        small = [self.query(x) for x in local]
        q1, k2 = self.query(x1), self.key(x2)
        losses = [self.pair(q, k2, y) for q in (q1, *small)]
        self.fresh = k2
        if self.symmetric:
            q2, k1 = self.query(x2), self.key(x1)
            losses += [self.pair(q, k1, y) for q in (q2, *small)]
            self.fresh = torch.cat([k2, k1])
        if self.watch:
            self.metrics = self.contrast(q1, k2)
        return torch.stack(losses).mean()

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        super().after_step(progress)
        ema_(self.keys, nn.Sequential(self.encoder, self.head), self.ema)
        number = torch.arange(len(self.fresh), device=self.queue.device)
        places = (self.oldest + number) % len(self.queue)
        self.queue.index_copy_(0, places, self.fresh)
        self.oldest.add_(len(self.fresh)).remainder_(len(self.queue))
