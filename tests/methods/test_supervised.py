"""Methods beyond their golden traces."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from suppression.methods import Supervised


class Flat(torch.nn.Module):
    h_dim = 3

    def forward(self, x):
        return x.flatten(1)


@pytest.mark.parametrize("blocks", [(10,), (4, 7), (2, 2, 5)])
def test_supervised_is_the_mean_over_labels_of_the_cross_entropy_of_a_layer_each(blocks):
    torch.manual_seed(0)
    method = Supervised(Flat(), blocks)
    method.watch = True
    x1, x2 = torch.randn(2, 6, 3, 1, 1)
    classes = [torch.randint(width, (6,)) for width in blocks]
    y = torch.cat(
        [
            torch.nn.functional.one_hot(c, width).float()
            for c, width in zip(classes, blocks, strict=True)
        ],
        1,
    )
    total, right, start = 0.0, [], 0
    for c, width in zip(classes, blocks, strict=True):
        rows = slice(start, start := start + width)
        logits = (
            torch.cat([x1, x2]).flatten(1) @ method.head.weight[rows].T + method.head.bias[rows]
        )
        total += cross_entropy(logits, torch.cat([c, c])) / len(blocks)
        right.append(logits.argmax(1) == torch.cat([c, c]))
    torch.testing.assert_close(method(x1, x2, y), total)
    torch.testing.assert_close(
        method(x1, x2, y, x1, x2), total
    )  # local crops have the same label: the mean of a loss twice over
    torch.testing.assert_close(
        3 * method(x1, x2, y, x2), 2 * total + method(x2, x2, y)
    )  # and weigh as much as a view
    method(x1, x2, y)
    assert method.metrics["label_accuracy"].item() == pytest.approx(
        torch.stack(right).float().mean().item()
    )


def test_several_classes_in_one_label_have_equal_shares():
    torch.manual_seed(0)
    method = Supervised(Flat())
    x1, x2 = torch.randn(2, 1, 3, 1, 1)
    y = torch.zeros(1, 10)
    y[0, [2, 7, 8]] = 1
    logs = method.head(torch.cat([x1, x2]).flatten(1)).log_softmax(1)
    torch.testing.assert_close(method(x1, x2, y), -logs[:, [2, 7, 8]].mean())
