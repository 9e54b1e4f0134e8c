"""SwAV (Caron et al. 2020): codes over prototypes, predicted from another view."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from suppression.losses.prototypes import few_prototypes, perplexity, sinkhorn, swapped
from suppression.methods._projection import Projected


class SwAV(Projected):
    """Each view's prediction, softmax(z C' / `tau`) with z and the prototypes C of length 1, of the codes of every other view that is global.

    Codes are a global view's scores z C' made by `iterations` of Sinkhorn-Knopp at entropy `epsilon` into shares that use all prototypes alike (section 3.1
    and equation 5; no gradient runs through them). The mean over the two code views and the views that predict, local crops only ever predicting (equation
    6). 3000 prototypes are the paper's, on ImageNet in batches of 4096: hundreds do on ten classes. Not here: its queue for small batches, and prototypes
    that stay as they are for the first epoch. ValueError if a parameter is out of range.
    """

    def __init__(self, encoder: nn.Module, *, tau: float = 0.1, prototypes: int = 3000, epsilon: float = 0.05, iterations: int = 3, **parameters: Any) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        if prototypes < 2:
            raise ValueError(f"prototypes = {prototypes}: to tell pictures apart takes 2 at least")
        if not epsilon > 0:
            raise ValueError(f"epsilon = {epsilon}: the weight of the codes' entropy is above 0")
        if iterations < 1:
            raise ValueError(f"iterations = {iterations}: Sinkhorn-Knopp takes one at least, or all pictures can have the same code")
        super().__init__(encoder, **parameters)
        self.tau, self.epsilon, self.iterations = tau, epsilon, iterations
        self.prototypes = nn.Parameter(normalize(torch.randn(prototypes, self.head.z_dim)))

    def notes(self, classes: int) -> list[str]:
        return few_prototypes(len(self.prototypes), classes)

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        z = self.embed_views(x1, x2, *local)
        with torch.autocast(x1.device.type, enabled=False):
            scores = [normalize(each) @ self.prototypes.T for each in z]  # (n, k)
        codes = [sinkhorn(each, epsilon=self.epsilon, iterations=self.iterations) for each in scores[:2]]
        if self.watch:
            self.metrics = self.contrast(*z[:2]) | {"perplexity": perplexity((scores[0] / self.tau).softmax(1))}
        return swapped(codes, [(each / self.tau).log_softmax(1) for each in scores])

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        self.prototypes.copy_(normalize(self.prototypes))
