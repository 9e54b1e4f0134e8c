"""SwAV (Caron et al. 2020): codes over prototypes, predicted from another view."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from suppression.losses.prototypes import few_prototypes, perplexity, sinkhorn, swapped
from suppression.methods._projection import Projected


class SwAV(Projected):
    """Each view predicts the codes of every other global view.

    A prediction is softmax(z C' / `tau`), with z and the prototypes C of length 1. Codes are a
    global view's scores z C', made by Sinkhorn-Knopp into shares that use all prototypes alike
    (section 3.1 and equation 5; no gradient runs through them). The loss is the mean over the two
    code views and the views that predict, local crops only ever predicting (equation 6).

    Not here: the paper's queue for small batches, and prototypes that stay as they are for the
    first epoch.

    Args:
        encoder: The network to be trained.
        tau: Temperature of the predictions, above 0.
        prototypes: How many there are, 2 or more; 3000 are the paper's, on ImageNet in batches
            of 4096, hundreds do on ten classes.
        epsilon: Weight of the codes' entropy, above 0.
        iterations: Iterations of Sinkhorn-Knopp, 1 or more.
        **parameters: Those of the head (`Projected`).

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Caron et al. 2020, section 3 and equations 3 to 6.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = SwAV(ResNet(width=4, stem=1, channels=1), prototypes=20)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
        >>> method.after_step(progress=0.5)
    """

    hooks = ("batch", "views")

    def __init__(
        self,
        encoder: nn.Module,
        *,
        tau: float = 0.1,
        prototypes: int = 3000,
        epsilon: float = 0.05,
        iterations: int = 3,
        **parameters: Any,
    ) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        if prototypes < 2:
            raise ValueError(f"prototypes = {prototypes}: to tell pictures apart takes 2 at least")
        if not epsilon > 0:
            raise ValueError(f"epsilon = {epsilon}: the weight of the codes' entropy is above 0")
        if iterations < 1:
            raise ValueError(
                f"iterations = {iterations}: Sinkhorn-Knopp takes one at least, "
                "or all pictures can have the same code"
            )
        super().__init__(encoder, **parameters)
        self.tau, self.epsilon, self.iterations = tau, epsilon, iterations
        self.prototypes = nn.Parameter(normalize(torch.randn(prototypes, self.head.z_dim)))

    def notes(self, classes: int) -> list[str]:
        return few_prototypes(len(self.prototypes), classes)

    def codes(self, scores: Tensor) -> Tensor:
        """Scores (n, k) of a global view -> its codes (n, k), whose rows sum to 1."""
        return sinkhorn(scores, epsilon=self.epsilon, iterations=self.iterations)

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        x1, x2, y, *local = self.remedied_batch(x1, x2, y, *local)
        z = self.embed_views(x1, x2, *local)
        with torch.autocast(x1.device.type, enabled=False):
            scores = [normalize(each) @ self.prototypes.T for each in z]  # (n, k)
        codes = self.codes(scores[0]), self.codes(scores[1])
        if self.watch:
            in_use = perplexity((scores[0] / self.tau).softmax(1))
            self.metrics = self.contrast(*z[:2]) | {"perplexity": in_use}
        return swapped(codes, [(each / self.tau).log_softmax(1) for each in scores])

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        super().after_step(progress)
        self.prototypes.copy_(normalize(self.prototypes))
