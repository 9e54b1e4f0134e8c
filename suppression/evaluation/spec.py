"""What a probe is told: the form that a recipe's `[probe]` table fills in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Probe(Strict):
    """What a trained network is asked. A parameter that is None asks nothing, and leaves the names of stored answers as they are.

    `train` and `test` pictures to fit on and to test with; which `features` (all if None), at which `layers`; logistic regression's `C` and `max_iter`; `mlp`
    is how many hidden units a second readout has; `transformations` are asked for besides (probing.TRANSFORMATIONS).

    `clusters` are the k of k-means on local features, at those of the `layers` that are maps; of `cluster_images` whole scenes (64 if None), each drawn at
    `resolution` px a side (those of the canvas if None).

    `contrast`: put the contrastive task to so many held-out scenes, in two of the views that it was trained on (`probes.pairs`).

    `online`: where a method has trained a linear layer along with its encoder, that layer is asked instead, on every held-out instance once.
    """

    train: int = 2000
    test: int = 1000
    C: float = 0.1
    max_iter: int = 300
    layers: list[str] = ["h"]
    features: list[str] | None = None
    mlp: int | None = None
    transformations: list[str] | None = None
    clusters: list[int] | None = None
    cluster_images: int | None = None
    resolution: int | None = None
    online: bool | None = None
    contrast: int | None = None
