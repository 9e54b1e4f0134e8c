"""Supervised training that goes on from an encoder which another method has trained."""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from torch import Tensor, nn

from suppression.methods.base import Method
from suppression.methods.supervised import Supervised
from suppression.models.heads import Head
from suppression.models.resnet import ResNet


class Finetune(Supervised):
    """A linear layer for each label on the encoder of `start`.

    Args:
        encoder: The network to be trained, with the weights of `start`.
        blocks: How many classes each label has.
        start: The trained method that this one goes on from.
        tune: full trains encoder and layer, linear the layer alone: then the encoder's weights
            and its batch-norm statistics stay.
        from_layer: What the layer stands on: h; a block group, whose maps are averaged over
            places (what lies above it is not trained); or z1, the first layer of `start`'s head,
            kept with its batch norm and ReLU (SimCLRv2 keeps it, and calls it a part of the
            encoder; a linear tuning freezes it, too).
        **parameters: Those of `Supervised`.

    Raises:
        ValueError: The encoder has no such layer, or the head of `start` no first layer.

    Source:
        SimCLR (Chen et al. 2020), appendix B.5 to B.8; SimCLRv2, section 2.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = Finetune(ResNet(width=4, stem=1, channels=1), (10,), tune="linear")
        >>> [name for name, p in method.named_parameters() if p.requires_grad]
        ['head.weight', 'head.bias']
    """

    builds_on = ("start",)

    def __init__(
        self,
        encoder: nn.Module,
        blocks: tuple[int, ...] = (),
        start: Method | None = None,
        *,
        tune: Literal["linear", "full"] = "full",
        from_layer: Literal["h", "z1", "block4", "block3", "block2", "block1"] = "h",
        **parameters: Any,
    ) -> None:
        super().__init__(encoder, blocks, **parameters)
        self.tune = tune
        self.classifier_on = "h" if from_layer == "z1" else from_layer
        self.kept: nn.Module = nn.Identity()
        if from_layer == "z1":
            kept = first_layer(start)
            n_in: int = kept[0].out_features  # type: ignore[assignment]
            self.kept = kept
            self.head = nn.Linear(n_in, sum(self.blocks))
        elif from_layer != "h":
            if not isinstance(encoder, ResNet):
                raise ValueError(
                    f"from_layer = {from_layer}: of {type(encoder).__name__} a classifier takes "
                    "h alone"
                )
            block = int(from_layer[-1])
            n_in = encoder.h_dim >> 4 - block  # each group has twice the channels of the one below
            self.head = nn.Linear(n_in, sum(self.blocks))
            for above in range(block + 1, 5):
                getattr(encoder, f"layer{above}").requires_grad_(False)
        if tune == "linear":
            self.encoder.requires_grad_(False)
            self.kept.requires_grad_(False)

    def train(self, mode: bool = True) -> Finetune:
        super().train(mode)
        if self.tune == "linear":
            self.encoder.eval()
            self.kept.eval()
        return self

    def classify(self, h: Tensor) -> Tensor:
        return self.head(self.kept(h))

    def logits(self, x: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tune == "full"):
            h = self.encoder.taps(x)[self.classifier_on]  # type: ignore[operator]
        if h.ndim == 4:
            h = h.mean((2, 3))
        return self.classify(h).float()


def first_layer(start: Method | None) -> nn.Sequential:
    """A copy of the first layer of the head of `start`, with what stands before its second one."""
    head = getattr(start, "head", None)
    modules = list(head) if isinstance(head, Head) else []
    linear = [i for i, module in enumerate(modules) if isinstance(module, nn.Linear)]
    if len(linear) < 2:
        raise ValueError(
            "from_layer = z1 keeps the first layer of the head of start, which has no head of two "
            "layers at least"
        )
    return copy.deepcopy(nn.Sequential(*modules[: linear[1]]))
