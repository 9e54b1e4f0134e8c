"""Instance discrimination (Wu et al. 2018): every picture is a class of its own, its weights a memory of its last projections."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from suppression.losses.contrastive import info_nce
from suppression.methods._projection import Projected


class InstDisc(Projected):
    """The non-parametric softmax at `tau` (equation 2) over a memory bank of all `images` pictures, in full where the paper estimates it; no proximal term,
    and the head of the other methods here, not one linear layer to 128.

    After each step a picture's place in the bank, of length 1, keeps `bank` of itself and takes the rest from the mean of its two new projections (the paper
    has one view; as its code, then normalised again). Local crops are classified but not remembered. y is the pictures' numbers, (n,) int64. ValueError if a
    parameter is out of range.
    """

    instanced = True
    bank: Tensor

    def __init__(self, encoder: nn.Module, images: int, *, tau: float = 0.07, bank: float = 0.5, **parameters: Any) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        if not 0 <= bank <= 1:
            raise ValueError(f"bank = {bank}: the share that a memory keeps of itself is in [0, 1]")
        super().__init__(encoder, **parameters)
        self.tau, self.keeps = tau, bank
        self.register_buffer("bank", normalize(torch.randn(images, self.head.z_dim)))
        self.new: tuple[Tensor, Tensor] | None = None  # what the bank learns once the step is done

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        z = [normalize(each) for each in self.embed_views(x1, x2, *local)]
        if self.watch:
            self.metrics = self.contrast(*z[:2])
        if self.training:
            self.new = y, (z[0] + z[1]).detach() / 2
        with torch.autocast(x1.device.type, enabled=False):
            return info_nce(torch.cat(z), self.bank, y.repeat(len(z)), tau=self.tau)

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        if self.new is not None:
            number, z = self.new
            self.bank[number] = normalize(self.keeps * self.bank[number] + (1 - self.keeps) * z)
