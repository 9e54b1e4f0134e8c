"""Self-distillation as in DINO: a student predicts what its own moving average says."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from suppression.losses.prototypes import few_prototypes, perplexity, swapped
from suppression.methods._ema import ema_, follower
from suppression.methods._projection import Projected


class DINO(Projected):
    """The cross entropy of the student's softmax with the teacher's of another view.

    Outputs are the products of z, of length 1, with prototypes of length 1 (the head's
    weight-normalised last layer, its gain fixed). The teacher sees the global views, the student
    every one; the teacher's outputs are centred first (Algorithm 1). The teacher's weights follow
    the student's as a moving average.

    Not here: the paper's head of three layers with a bottleneck (the head is that of the other
    methods), a warm-up of the teacher's temperature, a last layer that stays as it is for the
    first epoch, clipped gradients.

    Args:
        encoder: The network to be trained.
        tau: Temperature of the student, above 0.
        tau_teacher: Temperature of the teacher, above 0.
        prototypes: Outputs, 2 or more; the paper has 65536 for ImageNet.
        ema: Share of itself that the teacher keeps at a step, in [0, 1]; it rises from here to 1
            as a cosine over training.
        centre: Share of itself that the mean of the teacher's outputs keeps at a step, in [0, 1].
        **parameters: Those of the head (`Projected`).

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Caron et al. 2021, Algorithm 1.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = DINO(ResNet(width=4, stem=1, channels=1), prototypes=20)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
        >>> method.after_step(progress=0.5)
    """

    hooks = ("batch", "views")
    centre: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        *,
        tau: float = 0.1,
        tau_teacher: float = 0.04,
        prototypes: int = 4096,
        ema: float = 0.996,
        centre: float = 0.9,
        **parameters: Any,
    ) -> None:
        for name, value in (("tau", tau), ("tau_teacher", tau_teacher)):
            if not value > 0:
                raise ValueError(f"{name} = {value}: a temperature is above 0")
        if not 0 <= centre <= 1:
            raise ValueError(
                f"centre = {centre} is not in [0, 1]: "
                "the share of itself that a moving average keeps"
            )
        if prototypes < 2:
            raise ValueError(f"prototypes = {prototypes}: to tell pictures apart takes 2 at least")
        super().__init__(encoder, **parameters)
        self.tau, self.tau_teacher, self.ema, self.keeps = tau, tau_teacher, ema, centre
        self.prototypes = nn.Parameter(normalize(torch.randn(prototypes, self.head.z_dim)))
        self.teacher = follower(self.student(), ema)
        self.teacher.register_buffer("prototypes", self.prototypes.detach().clone())
        self.register_buffer("centre", torch.zeros(prototypes))

    def student(self) -> nn.ModuleDict:
        return nn.ModuleDict({"encoder": self.encoder, "head": self.head})

    def notes(self, classes: int) -> list[str]:
        return few_prototypes(len(self.prototypes), classes)

    @torch.no_grad()
    def taught(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The teacher's outputs for both views one below the other, (2n, k)."""
        h = self.teacher["encoder"](torch.cat([x1, x2]))  # type: ignore[index]
        z = self.teacher["head"](h).float()  # type: ignore[index]
        prototypes: Tensor = self.teacher.prototypes  # type: ignore[assignment]
        with torch.autocast(x1.device.type, enabled=False):
            return normalize(z) @ normalize(prototypes).T

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        x1, x2, y, *local = self.remedied_batch(x1, x2, y, *local)
        z = self.embed_views(x1, x2, *local)
        with torch.autocast(x1.device.type, enabled=False):
            scores = [normalize(each) @ normalize(self.prototypes).T for each in z]  # (n, k)
        taught = self.taught(x1, x2)
        targets = ((taught - self.centre) / self.tau_teacher).softmax(1).chunk(2)
        if self.training:
            self.centre = self.keeps * self.centre + (1 - self.keeps) * taught.mean(0)
        if self.watch:
            self.metrics = self.contrast(*z[:2]) | {"perplexity": perplexity(targets[0])}
        return swapped(targets, [(each / self.tau).log_softmax(1) for each in scores])

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        super().after_step(progress)
        moves = (1 - self.ema) * (1 + math.cos(math.pi * progress)) / 2
        ema_(self.teacher, self.student(), 1 - moves)
        prototypes: Tensor = self.teacher.prototypes  # type: ignore[assignment]
        prototypes.lerp_(self.prototypes, moves)
