"""Distillation of a network that saw labels into another one."""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from suppression.methods.base import Method
from suppression.methods.supervised import Supervised


class Distil(Supervised):
    """The cross entropy between the softmaxes of a teacher and of the student on the same views.

    The student is a new network (of any width: self-distillation, big to small), or goes on from
    the encoder of `start`. With several labels the loss is the mean over them.

    The teacher is in evaluation mode, is not trained, and is no part of what is stored. Without
    one, as where only parameters are checked, an untrained network stands in.

    Args:
        encoder: The network to be trained.
        blocks: How many classes each label has.
        teacher: The trained method whose logits are the targets.
        start: The trained method whose encoder the student goes on from, if any.
        tau: Temperature of both softmaxes (equation 2), above 0.
        label_weight: Share of the label loss, at temperature 1, in [0, 1): 1 - alpha of equation
            3. It is a mean over the labelled pictures of a batch, so that few of them weigh as
            much as many do.
        distil_on: labelled leaves pictures without a label out; on all the teacher is heard on
            every picture.
        **parameters: Those of `Supervised`.

    Raises:
        ValueError: A parameter is out of range.

    Source:
        SimCLRv2 (Chen et al. 2020b), section 2, equations 2 and 3.

    Example:
        >>> import torch
        >>> from suppression.methods import Supervised
        >>> from suppression.models import ResNet
        >>> teacher = Supervised(ResNet(width=8, stem=1, channels=1), (10,))
        >>> method = Distil(ResNet(width=4, stem=1, channels=1), (10,), teacher, tau=2.0)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.eye(10)[:8]).shape
        torch.Size([])
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
                f"label_weight = {label_weight} is not a share of the loss in [0, 1); without any "
                "distillation the method is supervised, or finetune"
            )
        super().__init__(encoder, blocks, **parameters)
        self.tau, self.label_weight = tau, label_weight
        if teacher is None:
            teacher = Supervised(copy.deepcopy(encoder), tuple(self.blocks))
        # The tuple hides it: it is neither trained, nor stored, nor ever in training mode.
        self.teacher = (teacher.eval(),)

    @torch.no_grad()
    def taught(self, x1: Tensor, x2: Tensor, *local: Tensor) -> Tensor:
        """The teacher's logits of all views, (views * n, sum of `blocks`)."""
        return self.teacher[0].both(x1, x2, *local)  # type: ignore[operator]

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        """The loss; a row of y that is 0 throughout is that of a picture without a label."""
        logits = self.both(x1, x2, *local).split(self.blocks, 1)
        taught = self.taught(x1, x2, *local).split(self.blocks, 1)
        targets = torch.cat([y] * (2 + len(local))).split(self.blocks, 1)
        distil_losses, label_losses, agreements = [], [], []
        for mine, theirs, target in zip(logits, taught, targets, strict=True):
            soft = (theirs / self.tau).softmax(1)
            distil_losses.append(cross_entropy(mine / self.tau, soft))
            label_losses.append(label_entropy(mine, target))
            agreements.append((mine.argmax(1) == theirs.argmax(1)).float().mean())
        distil_loss = torch.stack(distil_losses).mean()
        label_loss = torch.stack(label_losses).mean()
        if self.watch:
            self.metrics = {
                "agreement": torch.stack(agreements).mean(),
                "distil_loss": distil_loss.detach(),
                "label_loss": label_loss.detach(),
            }
        if not self.label_weight:
            return distil_loss
        return (1 - self.label_weight) * distil_loss + self.label_weight * label_loss


def label_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """The mean cross entropy over the rows whose target is not 0; 0 if there is none."""
    share = target.sum(1, keepdim=True)
    each = -(logits.log_softmax(1) * target / share.clamp(min=1)).sum(1)
    return each.sum() / share.gt(0).sum().clamp(min=1)
