"""Contrastive predictive coding on patches of a picture, made small."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from suppression import expect
from suppression.losses.contrastive import info_nce
from suppression.methods._projection import Projected
from suppression.methods.base import width_of
from suppression.models.convnet import ConvNet

FARTHEST = 100  # rows ahead: more than any view has
NEAREST = 2  # rows ahead: patches overlap by half, so the next row shows pixels the context saw


def stride_of(patch: int) -> int:
    """How far patches of this side lie apart: half of it, rounded up."""
    return -(-patch // 2)


class CPC(Projected):
    """InfoNCE between a patch's z and what the rows above predict, against all other patches.

    A view is cut into g x g patches that overlap by half, or a px less where their side is odd: a
    patch shares no pixel with the one after next. Each goes through the encoder by itself. Two 3
    x 3 convolutions that look up and sideways only make contexts of their h. For each distance, a
    linear map predicts the z of the patch 2..`ahead` rows below; the negatives are all patches of
    the batch (equation 2 of Henaff et al.).

    Unlike the paper: h of a whole picture is probed, while training sees patches alone; a picture
    of 32 px has 5 x 5 patches of 10 px, not 7 x 7 of a quarter of its side; the encoder has batch
    norm, not layer norm; patches are not augmented one by one; rows 2 and 3 below are predicted,
    where the paper's code takes the third alone; the two views are two pictures, each with its
    own loss. As in the paper, contexts see all of their own row.

    Args:
        encoder: The network to be trained; not a `ConvNet`, which sees one size only.
        tau: Temperature, above 0; it divides inner products, not cosines. 10 is the paper's scale
            of 0.1.
        patch: Side of a patch, px, 2 or more; if none a third of the view's, rounded up, and even.
        ahead: Rows below a patch that are predicted at most, 2 to 100.
        head: identity compares h itself, linear has one layer, mlp `head_layers` of them.
        **parameters: Those of the head (`Projected`).

    Raises:
        ValueError: A parameter is out of range, or a view has no more than `ahead` rows.

    Source:
        van den Oord et al. 2018, section 3.3; Henaff et al. 2020.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = CPC(ResNet(width=4, stem=1, channels=1))
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    version = 2  # 1 had odd patches, which shared a row of pixels with the one after next
    hooks = ("sample", "batch", "views")

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
        if not NEAREST <= ahead <= FARTHEST:
            raise ValueError(
                f"ahead = {ahead} is not in {NEAREST}..{FARTHEST}: the first row below a patch "
                f"that shares no pixel with it is row {NEAREST}"
            )
        if isinstance(encoder, ConvNet):
            raise ValueError(
                "net = convnet sees pictures of one size only, and cpc shows it patches; "
                "give --net none"
            )
        super().__init__(encoder, head=head, **parameters)
        self.tau, self.patch = tau, patch
        width = width_of(encoder)
        self.look_up = nn.ModuleList()
        for _ in range(2):
            self.look_up.append(nn.Conv2d(width, width, 3))
        self.predict = nn.ModuleList()  # one map for each distance
        for _ in range(NEAREST, ahead + 1):
            self.predict.append(nn.Linear(width, self.head.z_dim))

    def patch_of(self, side: int) -> int:
        """The side of a patch of a view of this many px."""
        third = -(-side // 3)
        return self.patch or max(2, third - third % 2)

    def check_view(self, side: int) -> None:
        patch = self.patch_of(side)
        ahead = NEAREST + len(self.predict) - 1
        if side < patch + ahead * stride_of(patch):
            raise ValueError(
                f"patch = {patch} px, ahead = {ahead}: a view of {side} px has fewer than "
                f"{ahead + 1} rows of patches that overlap by half"
            )

    def patches(self, x: Tensor) -> Tensor:
        """Views (n, c, s, s) -> patches (n, g, g, c, p, p)."""
        self.check_view(x.shape[-1])
        side = self.patch_of(x.shape[-1])
        stride = stride_of(side)
        rows = x.unfold(2, side, stride)
        return rows.unfold(3, side, stride).permute(0, 2, 3, 1, 4, 5)

    def context(self, h: Tensor) -> Tensor:
        """What rows 0..i say at row i: (n, g, g, h_dim) -> the same shape."""
        c = h.permute(0, 3, 1, 2)
        for i, convolution in enumerate(self.look_up):
            if i:
                c = c.relu()
            c = convolution(pad(c, (1, 1, 2, 0)))
        return h + c.permute(0, 2, 3, 1)

    def one_view(self, h: Tensor, z: Tensor) -> Tensor:
        """The loss on patches' h and z, (n, g, g, d) each: the mean over distances."""
        n, g, _, d = z.shape
        c = self.context(h)
        place = torch.arange(n * g * g, device=z.device).view(n, g, g)
        losses = []
        with torch.autocast(z.device.type, enabled=False):
            for k, predict in enumerate(self.predict, NEAREST):
                predicted = predict(c[:, :-k].float()).flatten(0, 2)
                target = place[:, k:].flatten()
                losses.append(info_nce(predicted, z.reshape(-1, d), target, tau=self.tau))
        return torch.stack(losses).mean()

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        expect.pictures("CPC", x1=x1)
        x1, x2, y, *local = self.remedied_batch(x1, x2, y, *local)
        cut = [self.patches(torch.cat([x1, x2]))]
        if local:
            cut.append(self.patches(torch.cat(local)))
        losses, seen = [], []
        for patches in cut:
            n, g = patches.shape[:2]
            pictures = patches.flatten(0, 2).contiguous(memory_format=torch.channels_last)
            h = self.encoder(pictures)
            z = self.project(h).float().view(n, g, g, -1)
            h = h.view(n, g, g, -1)
            for h_view, z_view in zip(h.split(len(x1)), z.split(len(x1)), strict=True):
                losses.append(self.one_view(h_view, z_view))
                seen.append(z_view.mean((1, 2)))
        if self.watch:
            self.metrics = self.contrast(*seen[:2])
        return torch.stack(losses).mean()
