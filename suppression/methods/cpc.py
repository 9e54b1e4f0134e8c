"""Contrastive predictive coding on patches of a picture (van den Oord et al. 2018, section 3.3; Henaff et al. 2020), made small."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from suppression.losses.contrastive import info_nce
from suppression.methods._projection import Projected
from suppression.models.convnet import ConvNet

NEAREST = 2  # rows ahead; patches overlap by half, so that the next row shows pixels that the context has seen


class CPC(Projected):
    """InfoNCE at `tau` between what the rows above say of a patch and its z, against all patches of the batch (equation 2 of Henaff et al.).

    A view is cut into patches of `patch` px (a third of its side, rounded up, if None) that overlap by half: g x g of them, each by itself through the
    encoder. Two 3 x 3 convolutions that look up and sideways only make contexts of their h; a linear map for each distance predicts the z of the patch
    2..`ahead` rows below. ValueError if a parameter is out of range, UserError if a view has no more than `ahead` rows.

    Unlike the paper, h of a whole picture is what is probed, while training sees patches alone; a picture of 32 px has 5 x 5 patches of 11 px, not 7 x 7
    of a quarter of its side; the encoder has batch norm, not layer norm; patches are not augmented one by one; rows 2 and 3 below are predicted, where the
    paper's code takes the third alone; the two views are two pictures, each its own loss. `tau` divides inner products, not cosines: 10 is the paper's scale of
    0.1. As in the paper, contexts see all of their own row.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        tau: float = 10.0,
        patch: int | None = None,
        ahead: int = 3,
        head: Literal["identity", "linear", "mlp"] = "linear",
        **parameters: Any,
    ) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        if patch is not None and patch < 2:
            raise ValueError(f"patch = {patch} px: patches that overlap by half have 2 at least")
        if ahead < NEAREST:
            raise ValueError(f"ahead = {ahead}: the first row below a patch that shares no pixel with it is row {NEAREST}")
        if isinstance(encoder, ConvNet):
            raise ValueError("net = convnet sees pictures of one size only, and cpc shows it patches; give --net none")
        super().__init__(encoder, head=head, **parameters)
        self.tau, self.patch = tau, patch
        width: int = encoder.h_dim  # type: ignore[assignment]
        self.look_up = nn.ModuleList(nn.Conv2d(width, width, 3) for _ in range(2))
        self.predict = nn.ModuleList(nn.Linear(width, self.head.z_dim) for _ in range(NEAREST, ahead + 1))

    def patch_of(self, side: int) -> int:
        """The side of a patch of a view of so many px."""
        return self.patch or max(2, -(-side // 3))

    def check_view(self, side: int) -> None:
        patch, ahead = self.patch_of(side), NEAREST + len(self.predict) - 1
        if side < patch + ahead * (patch // 2):
            raise ValueError(f"patch = {patch} px, ahead = {ahead}: a view of {side} px has fewer than {ahead + 1} rows of patches that overlap by half")

    def patches(self, x: Tensor) -> Tensor:
        """Augmentation (n, c, s, s) -> (n, g, g, c, p, p)."""
        self.check_view(x.shape[-1])
        side = self.patch_of(x.shape[-1])
        return x.unfold(2, side, side // 2).unfold(3, side, side // 2).permute(0, 2, 3, 1, 4, 5)

    def context(self, h: Tensor) -> Tensor:
        """What rows 0..i say at row i: (n, g, g, h_dim) -> the same shape."""
        c = h.permute(0, 3, 1, 2)
        for i, convolution in enumerate(self.look_up):
            c = convolution(pad(c.relu() if i else c, (1, 1, 2, 0)))
        return h + c.permute(0, 2, 3, 1)

    def one_view(self, h: Tensor, z: Tensor) -> Tensor:
        """The loss on patches' h and z, (n, g, g, d) each: the mean over distances of the mean over predictions."""
        n, g, _, d = z.shape
        c, place = self.context(h), torch.arange(n * g * g, device=z.device).view(n, g, g)
        with torch.autocast(z.device.type, enabled=False):
            losses = [
                info_nce(predict(c[:, :-k].float()).flatten(0, 2), z.reshape(-1, d), place[:, k:].flatten(), tau=self.tau)
                for k, predict in enumerate(self.predict, NEAREST)
            ]
        return torch.stack(losses).mean()

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        cut = [self.patches(torch.cat(views)) for views in ((x1, x2), local) if views]
        losses, seen = [], []
        for patches in cut:
            n, g = patches.shape[:2]
            h = self.encoder(patches.flatten(0, 2).contiguous(memory_format=torch.channels_last))
            h, z = h.view(n, g, g, -1), self.project(h).float().view(n, g, g, -1)
            for h_view, z_view in zip(h.split(len(x1)), z.split(len(x1)), strict=True):
                losses.append(self.one_view(h_view, z_view))
                seen.append(z_view.mean((1, 2)))
        if self.watch:
            self.metrics = self.contrast(*seen[:2])
        return torch.stack(losses).mean()
