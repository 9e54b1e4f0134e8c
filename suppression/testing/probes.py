"""`check_probe`: whether a probe keeps the contract of `suppression.evaluation.Probe`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from suppression.data import Scenes
from suppression.data.digits import TwoDigits
from suppression.data.digits_on_photos import DigitsOnPhotos
from suppression.data.random_bits import RandomBits
from suppression.data.transforms.augmentation import Augmentation
from suppression.evaluation.base import Asked, Probe
from suppression.evaluation.evaluate import load_pools
from suppression.evaluation.features import Row, fingerprint
from suppression.evaluation.probes import PROBES, faults
from suppression.evaluation.readouts import Readout
from suppression.evaluation.spec import ProbeSettings
from suppression.methods import Method
from suppression.models.resnet import ResNet

CPU = torch.device("cpu")
TEXT = ("feature", "scenes", "probe", "layer")  # columns that every row has
TOYS = {
    "digits_on_photos": DigitsOnPhotos(canvas=32, share=0.25, photos="photos"),
    "two_digits": TwoDigits(canvas=32, size1=8, size2=16),
    "random_bits": RandomBits(canvas=16, bits=2),
}
SHARED = {"train": 200, "test": 40, "layers": ["block2", "h", "z"]}

# What a switch is set to, by its annotation, where a probe's own default switches nothing on.
ON: dict[str, Any] = {
    "bool": True,
    "int": 4,
    "float": 0.5,
    "list[int]": [2],
    "list[str]": ["gray"],
}


class Trained(Method):
    """A small network with a projection and a classifier, as untrained as it is made."""

    has_z = True
    has_classifier = True

    def __init__(self, scenes: Scenes, classes: int) -> None:
        super().__init__(ResNet(width=2, stem=1, channels=scenes.channels))
        self.head = nn.Linear(16, 4)
        self.classifier = nn.Linear(16, classes)

    def project(self, h: Tensor) -> Tensor:
        return self.head(h)

    def classify(self, h: Tensor) -> Tensor:
        return self.classifier(h)


def check_probe(probe: type[Probe], **settings: Any) -> None:
    """Check that a probe keeps the contract, on a small network and small scenes.

    It has its members; it is off by its defaults if it has a switch; it leaves the network as it
    was and torch's global generator alone; asked twice it gives equal rows; its rows have their
    columns, of numbers those that it names, and at least one of its measures.

    Args:
        probe: The class, registered or not.
        **settings: Settings that switch it on, where a usual value of the switch's type does not:
            4, 0.5, True, [2] or ["gray"].

    Raises:
        AssertionError: What is missing or wrong, in one sentence, the class named.

    Example:
        >>> from suppression.evaluation import PROBES
        >>> check_probe(PROBES["rankme"])
    """
    for fault in faults(probe):
        raise AssertionError(fault)
    who = probe.__name__
    made = switched_on(probe, settings)
    kind, asked = toy_question(made)
    made.check(kind, asked.whole, asked.settings, asked.method.encoder)
    before, drawn = fingerprint(asked.method), torch.get_rng_state()
    rows = list(made.ask(asked))
    again = list(made.ask(asked))
    assert fingerprint(asked.method) == before, f"{who} moves the network that it asks"
    assert rows, f"{who} gives no rows"
    assert rows == again, f"asked twice, {who} gives other rows: draw from asked.rng alone"
    still = torch.equal(torch.get_rng_state(), drawn)
    assert still, f"{who} draws from torch's global generator: draw from asked.rng alone"
    subjects = made.subjects(asked.scenes.features)
    for row in rows:
        check_row(made, row, subjects, [readout.name for readout in asked.readouts])


def switched_on(probe: type[Probe], settings: dict[str, Any]) -> Probe:
    """The probe, asked for; by itself it asks nothing if it has a switch."""
    who, off = probe.__name__, probe()
    if probe.switch is None:
        return probe(**settings)
    assert not off.is_on, f"{who} asks although its switch '{probe.switch}' is at its default"
    if probe.switch not in settings:
        annotation = str(probe.settings()[probe.switch][0])
        kind = annotation.partition(" | ")[0].removeprefix("<class '").removesuffix("'>")
        assert kind in ON, f"{who}: give check_probe a value of '{probe.switch}' ({annotation})"
        settings = {**settings, probe.switch: ON[kind]}
    made = probe(**settings)
    assert made.is_on, f"{who} asks nothing although its switch is {settings[probe.switch]!r}"
    return made


def toy_question(made: Probe) -> tuple[str, Asked]:
    """The first scenes that it applies to, by kind, and a network that was trained on nothing."""
    for kind, scenes in TOYS.items():
        asked = question_about(scenes)
        if made.applies(asked):
            return kind, asked
    who = type(made).__name__
    raise AssertionError(f"{who} does not apply to a network with head, classifier and views")


def question_about(scenes: Scenes) -> Asked:
    """A small network that was trained on nothing, and these scenes."""
    pools = load_pools(scenes, "digits", None, CPU)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        method = Trained(scenes, sum(scenes.spaces(pools[True]))).eval()
    linear = PROBES["linear"]()
    assert isinstance(linear, Readout)
    return Asked(
        scenes=scenes.probed(),
        whole=scenes,
        method=method,
        layers=SHARED["layers"],  # type: ignore[arg-type]
        pools=pools,
        device=CPU,
        settings=ProbeSettings(**SHARED),
        views=Augmentation(),
        readouts=(linear,),
    )


def check_row(made: Probe, row: Row, subjects: list[str], readouts: list[str]) -> None:
    """AssertionError for a row that tables, figures and csv files could not read."""
    who = type(made).__name__
    missing = [name for name in TEXT if name not in row]
    assert not missing, f"a row of {who} has no {', '.join(missing)}"
    names = [made.name, *readouts]
    assert row["probe"] in names, f"a row of {who} says {row['probe']!r} in the column probe"
    feature = row["feature"]
    assert feature in subjects, (
        f"{who}: feature '{feature}' is not among its subjects, {', '.join(subjects)}"
    )
    for name, value in row.items():
        check_value(made, name, value)
    scores = [name for name in made.measures if row.get(name) is not None]
    assert scores, f"a row of {who} has none of its measures, {', '.join(made.measures)}"


def check_value(made: Probe, name: str, value: Any) -> None:
    """AssertionError for a number in a column that csv files would read as text."""
    who = type(made).__name__
    if name in TEXT or isinstance(value, bool) or value is None:
        return
    kind = made.columns.get(name)
    if isinstance(value, (int, float)):
        assert kind is not None, f"{who}: column '{name}' is no number in columns"
    if kind is not None:
        right = isinstance(value, (int, float)) if kind is float else isinstance(value, kind)
        assert right, f"{who}: column '{name}' is {value!r}, and no {kind.__name__}"
