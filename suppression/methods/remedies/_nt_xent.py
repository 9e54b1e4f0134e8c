"""What remedies share that change NT-Xent, or take its place."""

from __future__ import annotations

from suppression.methods import Method
from suppression.methods.remedies.base import Remedy, name_of
from suppression.methods.simclr import SimCLR


class OfNTXent(Remedy):
    """A remedy for methods whose loss is NT-Xent of cosines at a temperature.

    Attributes:
        needs: For the message where a method has another loss, or another set of negatives.
    """

    needs = "NT-Xent of cosines at a temperature"

    @classmethod
    def goes_with(cls, kind: type[Method]) -> bool:
        if not super().goes_with(kind):
            return False
        return issubclass(kind, SimCLR) and kind.pair is SimCLR.pair

    def check(self, method: Method) -> None:
        super().check(method)
        if not isinstance(method, SimCLR):
            return
        if method.loss is not None:
            raise ValueError(
                f"remedy {self.name} needs {self.needs}; this {name_of(method)} has loss = "
                f"{method.loss}: it goes with simclr without a loss of another kind"
            )
        if not method.norm:
            raise ValueError(
                f"remedy {self.name} needs {self.needs}; this {name_of(method)} compares inner "
                "products (norm = off): it goes with simclr where norm is left on"
            )
