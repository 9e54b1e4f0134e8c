"""What is published of a remedy: a TOML card beside its code, read and checked."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from suppression.errors import unknown
from suppression.evaluation.spec import Strict, filled_in
from suppression.experiment import files

CARDS = files.HERE / "methods" / "remedies" / "cards"

Reach = Literal["yes", "no", "partly"]


class Reported(Strict):
    """A number of the authors' own.

    Args:
        what: On which data, of what, without and with the remedy.
        source: Where it stands.
    """

    what: str
    source: str


class Setting(Strict):
    """A parameter of the remedy.

    Args:
        name: How the signature calls it.
        default: Its default here; "none" for None.
        source: Where that comes from.
    """

    name: str
    default: Any
    source: str


class RemedyCard(Strict):
    """A card of a remedy.

    Args:
        name: How the command line calls it.
        source: The paper, and the code where it could be read.
        claim: What is claimed.
        changes: The hooks that it changes.
        reaches_bits: Whether it can reach bits that are appended after augmentation.
        reaches_pixels: Whether it can reach a competitor that is drawn in pixels.
        why: Why it can or cannot.
        cost: Time of a step, as a multiple of the method's without it, where it is known.
        parameters: Its parameters, in the order of the signature.
        reported: The authors' own numbers; none where there are none on suppression.
        notes: What does not hold, or is not as published.
        oracle: Whether it is told what no method would know.
        unreliable: What is wrong with the released code or numbers, if anything.
    """

    name: str
    source: str
    claim: str
    changes: list[str]
    reaches_bits: Reach
    reaches_pixels: Reach
    why: str
    cost: str
    parameters: list[Setting] = Field(default_factory=list)
    reported: list[Reported] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    oracle: bool = False
    unreliable: str | None = None


def remedy_cards() -> list[str]:
    """The names of all cards of remedies."""
    return sorted(path.stem for path in CARDS.glob("*.toml"))


def load_remedy_card(name: str) -> RemedyCard:
    """The card of a remedy.

    Raises:
        UserError: There is none of this name, or it is not filled in rightly.

    Example:
        >>> load_remedy_card("ifm").changes
        ['loss']
    """
    if name not in remedy_cards():
        raise unknown("there is no card of the remedy", name, remedy_cards())
    return filled_in(RemedyCard, files.read(CARDS / f"{name}.toml"), f"card {name}")
