"""Distillation of a network that was told labels into another (SimCLRv2, Chen et al. 2020b, section 2, equations 2 and 3)."""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from suppression.methods.base import Method
from suppression.methods.supervised import Supervised


class Distil(Supervised):
    """The cross entropy between the softmaxes of `teacher` and of the student on the same views, both at temperature `tau` (equation 2).

    The student is a new network (of any width: self-distillation, big to small), or goes on from the encoder of `start`. `label_weight`, 1 - alpha of
    equation 3, in [0, 1), is the share of the label loss, at temperature 1, where labels are told: `labels` of them; it is a mean over the labelled
    pictures of a batch, so that few of them weigh as many do. `distil_on` labelled leaves the other
    pictures out; on all the teacher is heard on every picture. With several labels the loss is the mean over them.

    The teacher is in evaluation mode, is not trained, and is no part of what is stored. Without one, as where only parameters are checked, an untrained network
    stands in.
    """

    builds_on = ("teacher", "start")

    def __init__(
        self,
        encoder: nn.Module,
        blocks: tuple[int, ...] = (),
        teacher: Method | None = None,
        start: Method | None = None,
        *,
        tau: float = 1.0,
        label_weight: float = 0.0,
        distil_on: Literal["all", "labelled"] = "all",
        **parameters: Any,
    ) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        if not 0 <= label_weight < 1:
            raise ValueError(
                f"label_weight = {label_weight} is not a share of the loss in [0, 1); without any distillation the method is supervised, or finetune"
            )
        super().__init__(encoder, blocks, **parameters)
        self.tau, self.label_weight = tau, label_weight
        stand_in = Supervised(copy.deepcopy(encoder), tuple(self.blocks)) if teacher is None else teacher
        self.teacher = (stand_in.eval(),)  # a tuple hides it: neither trained, nor stored, nor ever in training mode

    @torch.no_grad()
    def taught(self, x1: Tensor, x2: Tensor, *local: Tensor) -> Tensor:
        """The teacher's logits of all views, (views * n, sum of `blocks`)."""
        return self.teacher[0].both(x1, x2, *local)  # type: ignore[operator]

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        """A row of y that is 0 throughout is that of a picture whose labels are not told."""
        logits = self.both(x1, x2, *local).split(self.blocks, 1)
        taught = self.taught(x1, x2, *local).split(self.blocks, 1)
        targets = torch.cat([y] * (2 + len(local))).split(self.blocks, 1)
        pairs = list(zip(logits, taught, strict=True))
        loss = torch.stack([cross_entropy(mine / self.tau, (theirs / self.tau).softmax(1)) for mine, theirs in pairs]).mean()
        told = torch.stack([told_entropy(logit, target) for logit, target in zip(logits, targets, strict=True)]).mean()
        if self.watch:
            agree = torch.stack([(mine.argmax(1) == theirs.argmax(1)).float().mean() for mine, theirs in pairs]).mean()
            self.metrics = {"agreement": agree, "distil_loss": loss.detach(), "label_loss": told.detach()}
        return (1 - self.label_weight) * loss + self.label_weight * told if self.label_weight else loss


def told_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """The mean cross entropy over the rows whose target is not 0; 0 if there is none."""
    share = target.sum(1, keepdim=True)
    each = -(logits.log_softmax(1) * target / share.clamp(min=1)).sum(1)
    return each.sum() / share.gt(0).sum().clamp(min=1)
