"""Instance discrimination (Wu et al. 2018): every picture is a class of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from suppression.losses.contrastive import info_nce
from suppression.methods._projection import Projected


class InstDisc(Projected):
    """The non-parametric softmax over a memory bank of every picture's last projections.

    The bank of all `images` pictures is used in full, where the paper estimates its sum. After
    each step a picture's place in the bank keeps `bank` of itself, takes the rest from the mean
    of its two new projections (the paper has one view), and is normalised again, as in the
    released code. Local crops are classified but not remembered. Not here: the proximal term;
    the head is that of the other methods, not one linear layer to 128.

    Args:
        encoder: The network to be trained.
        images: How many pictures there are; y holds their numbers, (n,) int64.
        tau: Temperature, above 0 (equation 2).
        bank: Share of itself that a picture's memory keeps at a step, in [0, 1].
        **parameters: Those of the head (`Projected`).

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Wu et al. 2018, equation 2.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = InstDisc(ResNet(width=4, stem=1, channels=1), 100, tau=0.07)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.arange(8)).shape
        torch.Size([])
        >>> method.after_step(progress=0.5)
    """

    hooks = ("batch", "views")
    instanced = True
    bank: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        images: int,
        *,
        tau: float = 0.07,
        bank: float = 0.5,
        **parameters: Any,
    ) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        if not 0 <= bank <= 1:
            raise ValueError(f"bank = {bank}: the share that a memory keeps of itself is in [0, 1]")
        super().__init__(encoder, **parameters)
        self.tau, self.keeps = tau, bank
        self.register_buffer("bank", normalize(torch.randn(images, self.head.z_dim)))
        self.new: tuple[Tensor, Tensor] | None = None  # what the bank learns after the step

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        x1, x2, y, *local = self.remedied_batch(x1, x2, y, *local)
        z = [normalize(each) for each in self.embed_views(x1, x2, *local)]
        if self.watch:
            self.metrics = self.contrast(*z[:2])
        if self.training:
            self.new = y, (z[0] + z[1]).detach() / 2
        with torch.autocast(x1.device.type, enabled=False):
            return info_nce(torch.cat(z), self.bank, y.repeat(len(z)), tau=self.tau)

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        super().after_step(progress)
        if self.new is not None:
            number, z = self.new
            self.bank[number] = normalize(self.keeps * self.bank[number] + (1 - self.keeps) * z)
