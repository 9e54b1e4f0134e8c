"""Where a contrastive loss lets go of a second feature, by the closed form of what it can gain."""

from __future__ import annotations

import math

from suppression import expect


def lets_go(nats: float, *, negatives: int, tau: float) -> float:
    """The bits of a first feature at which no more than so much is left to gain from a second.

    `incentive` solved for the bits. If one number says below which gain a method lets go, whatever
    its temperature and its negatives, it can be fitted at one temperature and tells the bits at
    another, and for other methods that tell a positive from `negatives` others by a softmax.

    Args:
        nats: The gain, above 0.
        negatives: Others that an anchor's positive is told from, 1 or more: 2 (batch - 1) for
            NT-Xent, the queue's keys for MoCo, all other pictures for instance discrimination.
        tau: Temperature, above 0.

    Returns:
        The bits, below 0 where the gain is more than the loss has for the second feature alone.

    Raises:
        UserError: A number is out of range.

    Source:
        Derived here, from `incentive`.

    Example:
        >>> print(f"{lets_go(2.10, negatives=510, tau=0.2):.1f} bits")
        4.0 bits
    """
    expect.positive("lets_go", nats=nats, tau=tau)
    expect.whole("lets_go", least=1, negatives=negatives)
    weight = math.exp(-1 / tau)  # of a negative at a cosine of 0, where a positive has 1
    share = math.expm1(nats) * (1 + negatives * weight) / (negatives * (1 - weight))
    return -math.log2(share)
