"""The contracts of methods and remedies: kept by all that we ship, and what breaks them is told."""

from __future__ import annotations

import pytest
import torch

from suppression.errors import UserError
from suppression.methods import METHODS, Method, SimCLR, Supervised
from suppression.methods._projection import Projected
from suppression.methods.remedies import REMEDIES, Remedy
from suppression.testing.methods import (
    check_method,
    check_method_members,
    check_remedy,
    check_remedy_members,
)


class Alignment(Method):
    """The squared distance of two views: a method that keeps the contract."""

    def forward(self, x1, x2, y, *local):
        return (self.encoder(x1) - self.encoder(x2)).square().mean()


class Nothing(Remedy):
    """The pair's own loss: a remedy that keeps the contract."""

    name = "nothing"

    def loss(self, z1, z2, y, method):
        return method.pair(z1, z2, y)


@pytest.mark.parametrize("cls", METHODS.values(), ids=METHODS)
def test_every_method_keeps_its_contract(cls):
    check_method(cls)


@pytest.mark.parametrize("cls", REMEDIES.values(), ids=REMEDIES)
def test_every_remedy_keeps_its_contract(cls):
    check_remedy(cls)


def test_toys_that_keep_it_are_taken():
    check_method(Alignment)
    check_remedy(Nothing)


def test_it_leaves_the_state_of_torchs_generator_alone():
    before = torch.get_rng_state()
    check_method(METHODS["swav"])
    assert torch.equal(torch.get_rng_state(), before)


def toy(base=Alignment, **members):
    return type("Toy", (base,), members)


def built_with(init, base=Alignment):
    return toy(base, __init__=init)


def _no_default(self, encoder, *, strength: float) -> None: ...
def _no_type(self, encoder, *, strength=1.0) -> None: ...
def _odd_type(self, encoder, *, strength: dict | None = None) -> None: ...
def _no_encoder(self, *, strength: float = 1.0) -> None: ...
def _own(self, encoder, *, strength: float = 1.0):
    Alignment.__init__(self, encoder)


def _forgetful(self, x1, x2, y, *local):
    self.times = getattr(self, "times", 0) + 1
    return Alignment.forward(self, x1, x2, y) * self.times


def _deaf(self, x1, x2, y, *local):
    z1, z2 = self.embed_views(x1, x2)
    return self.pair(z1, z2, y)


def _of(value):
    return lambda self, x1, x2, y, *local: value(self, x1)


BROKEN_METHODS = {
    "no class": (3, "3 is not a class"),
    "no method": (dict, "dict is not a method: it does not derive from suppression.methods.Method"),
    "no forward": (toy(Method), r"Toy has no forward\(x1, x2, y, \*local\)"),
    "forward misspelt": (
        toy(Method, foward=Alignment.forward),
        "Toy defines 'foward'; did you mean 'forward'?",
    ),
    "hook misspelt": (
        toy(after_steps=lambda self, progress: None),
        "Toy defines 'after_steps'; did you mean 'after_step'?",
    ),
    "flag misspelt": (toy(labeled=True), "Toy defines 'labeled'; did you mean 'labelled'?"),
    "pair misspelt": (
        toy(Projected, pairs=SimCLR.pair),
        "Toy defines 'pairs'; did you mean 'pair'?",
    ),
    "no pair": (toy(Projected), r"Toy has no pair\(z1, z2, y\)"),
    "version": (toy(version="2"), "version = '2' is not a whole number"),
    "flag": (toy(trains="yes"), "trains = 'yes' is not True or False"),
    "ground": (toy(builds_on=("teachr",)), "Toy builds on 'teachr'; did you mean 'teacher'?"),
    "forward's arguments": (
        toy(forward=lambda self, x1, x2: x1.mean()),
        r"is not called forward\(self, x1, x2, y, \*local\)",
    ),
    "no local crops": (
        toy(forward=lambda self, x1, x2, y: x1.mean()),
        r"is not called forward\(self, x1, x2, y, \*local\)",
    ),
    "after_step's arguments": (
        toy(after_step=lambda self: None),
        r"is not called after_step\(self, progress\)",
    ),
    "no encoder": (built_with(_no_encoder), r"is not called __init__\(self, encoder\)"),
    "no blocks": (
        toy(labelled=True),
        r"is not called __init__\(self, encoder, blocks\)",
    ),
    "no start": (
        toy(builds_on=("start",)),
        r"is not called __init__\(self, encoder, start\)",
    ),
    "no default": (built_with(_no_default), "parameter strength has no default"),
    "no type": (built_with(_no_type), "parameter strength has no type"),
    "odd type": (built_with(_odd_type), "parameter strength has the type"),
    "idle": (
        toy(__init__=_own, idle={"strength": {1.0: ("strenth",)}}),
        "idle names the parameter 'strenth'; did you mean 'strength'?",
    ),
    "hooks": (
        toy(SimCLR, hooks=("batch", "embedding")),
        "hooks names 'embedding'; did you mean 'embeddings'?",
    ),
    "no z": (toy(has_z=True), r"has_z, but has no project\(h\)"),
    "no classifier": (toy(has_classifier=True), r"has_classifier, but has no classify\(h\)"),
    "no tensor": (toy(forward=_of(lambda self, x: 3.0)), "returns float, not the loss"),
    "no scalar": (
        toy(forward=_of(lambda self, x: self.encoder(x).mean(0))),
        r"a loss of shape \(32,\), no scalar",
    ),
    "no number": (
        toy(forward=_of(lambda self, x: self.encoder(x).mean() * float("nan"))),
        "returns a loss of nan",
    ),
    "no gradient": (toy(forward=_of(lambda self, x: x.mean())), "a loss without gradient"),
    "none in the encoder": (
        toy(SimCLR, project=lambda self, h: SimCLR.project(self, h.detach())),
        "no gradient reaches the encoder",
    ),
    "fails": (
        toy(forward=_of(lambda self, x: self.encode(x))),
        "forward fails: AttributeError: 'Toy' object has no attribute 'encode'",
    ),
    "forgets": (toy(forward=_forgetful), "its state_dict does not hold all of it"),
    "deaf to remedies": (
        toy(SimCLR, forward=_deaf),
        "does not call the remedies' batch: its forward begins with",
    ),
    "no after_step above": (
        toy(SimCLR, after_step=lambda self, progress: None),
        "does not call the remedies' after_step",
    ),
    "hears more": (
        toy(SimCLR, hooks=("batch", "views", "head", "loss", "penalty")),
        "calls embeddings, which hooks",
    ),
}


@pytest.mark.parametrize(("cls", "told"), BROKEN_METHODS.values(), ids=BROKEN_METHODS)
def test_a_broken_method_is_refused_in_the_right_words(cls, told):
    with pytest.raises(UserError, match=told):
        check_method(cls)


def test_metrics_with_gradient_are_refused():
    def forward(self, x1, x2, y, *local):
        loss = Alignment.forward(self, x1, x2, y)
        self.metrics = {"loss": loss}
        return loss

    with pytest.raises(UserError, match=r"metrics\['loss'\] is not a scalar Tensor without grad"):
        check_method(toy(forward=forward))


def _remedy(**members):
    return type("Toy", (Nothing,), members)


def _takes_all(self, method): ...
def _silent(self, method):
    if not isinstance(method, Projected):
        raise ValueError("no")


def _of_two_minds(self, method):
    if not isinstance(method, SimCLR):
        raise ValueError("no")


BROKEN_REMEDIES = {
    "no remedy": (SimCLR, "SimCLR is not a remedy"),
    "no name": (_remedy(name=""), "Toy has no name"),
    "version": (_remedy(version=1.5), "version = 1.5 is not a whole number"),
    "hook misspelt": (
        type("Toy", (Remedy,), {"name": "toy", "embedings": Nothing.embeddings}),
        "Toy defines 'embedings'; did you mean 'embeddings'?",
    ),
    "nothing changed": (type("Toy", (Remedy,), {"name": "toy"}), "Toy changes nothing; its hooks"),
    "loss's arguments": (
        _remedy(loss=lambda self, z1, z2: z1.mean()),
        r"is not called loss\(self, z1, z2, y, method\)",
    ),
    "after_step's arguments": (
        _remedy(after_step=lambda self, progress: None),
        r"is not called after_step\(self, progress, method\)",
    ),
    "an argument by position": (
        _remedy(__init__=lambda self, epsilon: None),
        r"is not called __init__\(self\)",
    ),
    "goes with none": (
        _remedy(goes_with=classmethod(lambda cls, kind: False)),
        "Toy goes with no method; they are: simclr, moco",
    ),
    "breaks the loss": (
        _remedy(loss=lambda self, z1, z2, y, method: method.pair(z1, z2, y).detach()),
        "Toy on simclr: forward returns a loss without gradient",
    ),
    "few scenes": (
        _remedy(sample=lambda self, stream, n: stream.draw(n - 1)),
        "sample gives 15 of the factor .*, not 16",
    ),
    "chance": (
        _remedy(sample=lambda self, stream, n: stream.draw(n, torch.default_generator)),
        "sample gives another .* at the second call",
    ),
    "takes all": (_remedy(check=_takes_all), "check takes supervised, which has no projection"),
    "of two minds": (_remedy(check=_of_two_minds), "goes_with takes decoupled, check refuses it"),
    "silent": (_remedy(check=_silent), "refuses a method without naming those that go: no"),
}


@pytest.mark.parametrize(("cls", "told"), BROKEN_REMEDIES.values(), ids=BROKEN_REMEDIES)
def test_a_broken_remedy_is_refused_in_the_right_words(cls, told):
    with pytest.raises(UserError, match=told):
        check_remedy(cls)


def test_looking_at_members_builds_nothing(monkeypatch):
    def never(self, *args, **kwargs):
        raise AssertionError("built")

    monkeypatch.setattr(torch.nn.Module, "__call__", never)
    for cls in METHODS.values():
        check_method_members(cls)
    for cls in REMEDIES.values():
        check_remedy_members(cls)
    check_method_members(Supervised)
