"""What `check_dataset` says of generators that break the contract, and of one from outside."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from suppression.data import Pool, Scenes, TwoDigits
from suppression.errors import UserError
from suppression.testing import check_dataset


@dataclass(frozen=True)
class Bars(Scenes):
    """A bar of one of four widths in one of two halves: written with what the contract names."""

    canvas: int = 16
    strength: float = 1.0
    sources = ()
    features = ("width", "half")

    def factors(self, n, rng, pool):
        width = torch.randint(4, (n,), generator=rng, device=rng.device)
        half = torch.randint(2, (n,), generator=rng, device=rng.device)
        return {"width": width, "half": half, "instance": torch.arange(n, device=rng.device)}

    def classes(self, pool):
        return {"width": ("1", "2", "3", "4"), "half": ("upper", "lower")}

    def render(self, factors, pool, *, view=None, out=None, visible=None):
        x = self.drawn(factors)
        if view is None:
            whole = torch.tensor([[0.0, 0.0, self.canvas, self.canvas]])
            view = whole.expand(len(x), -1)
        from suppression.data.transforms.resample import crop

        return crop(x, view, out or self.canvas).clamp(0, 1)

    def drawn(self, factors):
        side = torch.arange(self.canvas)
        rows = side[None] // (self.canvas // 2) == factors["half"][:, None]
        columns = side[None] <= factors["width"][:, None]
        return self.strength * (rows[:, :, None] & columns[:, None]).float()[:, None]


def test_a_generator_from_outside_that_keeps_the_contract_passes():
    check_dataset(Bars)
    check_dataset(Bars(canvas=8, strength=0.5))
    assert Bars().sample(3).x.shape == (3, 1, 16, 16)


def broken(**members):
    """Bars with other members, as a class of its own."""
    return dataclass(frozen=True)(type("Toy", (Bars,), members))


class NoRender(Scenes):
    features = ("width",)
    factors = Bars.factors

    def rendr(self):
        pass


class Undecorated(Bars):
    bits: int = 3


@dataclass(frozen=True)
class Unhashable(Bars):
    sizes: tuple = ([1],)


@dataclass(frozen=True)
class Clash(Bars):
    jitter: float = 0.1


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (dict, "dict is no subclass of suppression.data.Scenes"),
        (NoRender, "NoRender lacks 'render'; is its 'rendr' meant to be that?"),
        (Undecorated, r"Undecorated.bits is no parameter; put @dataclass\(frozen=True\) above"),
        (Unhashable, "a parameter of Unhashable cannot be part of a key"),
        (Clash, "Clash has the parameter 'jitter', which Augmentation has, too"),
        (
            broken(sources=("source", "photo"), photos="photos"),
            "Toy.sources names a parameter that it has not, 'photo'",
        ),
        (
            broken(render=lambda self, factors, pool, *, view=None, out=None, visibl=None: None),
            "Toy.render lacks 'visible'; is its 'visibl' meant to be that?",
        ),
        (broken(channels=lambda self: 1), "Toy.channels is a method; put @property above it"),
        (broken(factors=lambda self, n: {}), r"Toy.factors does not take \(self, n, rng, pool\)"),
        (broken(told=("widht",)), "Toy.told names no feature, 'widht'; did you mean 'width'?"),
        (
            broken(features=("width", "halv")),
            "asks for a factor that was not drawn, 'halv'; did you mean 'half'?",
        ),
        (
            broken(classes=lambda self, pool: {"width": ("a", "b"), "hall": ("a", "b")}),
            "Toy.classes has no feature's name, 'hall'; did you mean 'half'?",
        ),
        (
            broken(questions=lambda self: [("together", None, ["width", "hlaf"])]),
            "Toy.questions asks for no feature, 'hlaf'; did you mean 'half'?",
        ),
    ],
)
def test_a_missing_or_misnamed_member_is_named_with_the_nearest_right_one(cls, message):
    with pytest.raises(UserError, match=message):
        check_dataset(cls)


def test_a_parameter_without_a_default_and_a_dataclass_that_is_not_frozen_are_named():
    plain = dataclass(frozen=True)(
        type("Plain", (Scenes,), {"__annotations__": {"canvas": int}} | members_of(Bars))
    )
    with pytest.raises(UserError, match=r"Plain.canvas has no default"):
        check_dataset(plain)
    thawed = dataclass(type("Thawed", (Scenes,), {"canvas": 16} | members_of(Bars)))
    with pytest.raises(UserError, match="Thawed is no frozen dataclass"):
        check_dataset(thawed)
    no_canvas = dataclass(frozen=True)(
        type(
            "NoCanvas",
            (Scenes,),
            {"__annotations__": {"canvass": int}, "canvass": 16} | members_of(Bars),
        )
    )
    with pytest.raises(UserError, match="NoCanvas lacks 'canvas'; is its 'canvass' meant"):
        check_dataset(no_canvas)


def members_of(cls):
    return {name: vars(cls)[name] for name in ("features", "factors", "render", "sources")}


def own_random(self, n, rng, pool):
    return Bars.factors(self, n, rng, pool) | {"turn": torch.rand(n)}


def ignored_rng(self, n, rng, pool):
    return Bars.factors(self, n, torch.Generator().manual_seed(0), pool)


def too_few(self, n, rng, pool):
    return Bars.factors(self, n, rng, pool) | {"turn": torch.zeros(n - 1)}


def swapped(self, factors, pool, *, view=None, out=None, visible=None):
    if view is not None:
        view = view[:, [1, 0, 3, 2]]
    return Bars.render(self, factors, pool, view=view, out=out)


def noisy(self, factors, pool, *, view=None, out=None, visible=None):
    x = Bars.render(self, factors, pool, view=view, out=out)
    return (x + 0.1 * torch.rand_like(x)).clamp(0, 1)


def bright(self, factors, pool, *, view=None, out=None, visible=None):
    return 255 * Bars.render(self, factors, pool, view=view, out=out)


def normalised(self, factors, pool, *, view=None, out=None, visible=None):
    x = Bars.render(self, factors, pool, view=view, out=out)
    return x / (1 + x.mean())


def changing(self, factors, pool, *, view=None, out=None, visible=None):
    x = Bars.render(self, factors, pool, view=view, out=out)
    factors["width"].zero_()
    return x


def other_class(self, factors, rng, pool):
    return factors | {"half": 1 - factors["half"]}


def nothing_hidden(self):
    return [("alone", (0,), ["width"]), ("together", None, self.features)]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"factors": own_random}, "Toy.factors draws random numbers of torch's own"),
        ({"factors": ignored_rng}, "Toy.factors draws the same scenes from every generator"),
        ({"factors": too_few}, r"Toy.factors: 'turn' has the shape \(15,\)"),
        ({"render": swapped}, "is not the scene's upper right quarter"),
        ({"render": noisy}, "Toy.render draws random numbers of torch's own"),
        ({"render": bright}, r"Toy.render gives values from 0.0 to 255.0; .* \[0, 1\]"),
        ({"render": normalised}, "Toy.render draws a scene differently beside others"),
        ({"render": changing}, "Toy.render changes the factors it is given"),
        ({"again": other_class}, "Toy.again changes the class of 'half'"),
        ({"again": other_class, "competitors": ("width",)}, "Toy.again changes the class of"),
        ({"questions": nothing_hidden}, r"render\(visible=\(0,\)\) hides nothing"),
        (
            {"classes": lambda self, pool: {"width": ("1", "2"), "half": ("a", "b")}},
            r"Toy.labels\['width'\] has labels from 0 to 3; classes names 2",
        ),
        ({"channels": 2}, "Toy has 2 channels with 0 planes"),
        ({"channels": 3}, r"Toy.render gives the shape \(16, 1, 16, 16\); it is \(16, 3, 16, 16\)"),
        ({"channels": 4, "planes": 3}, r"Toy.append gives the shape \(16, 1, 16, 16\)"),
        ({"shared_bits": -1.0}, "Toy.shared_bits is -1.0"),
        ({"captions": lambda self, factors, pool: ["one"]}, "Toy.captions gives 1 captions for 16"),
        ({"spaces": lambda self, pool: (4, 3)}, "Toy.spaces has 2 widths|Toy.targets"),
        (
            {"targets": lambda self, factors, pool: torch.zeros(16, 6)},
            "Toy.targets lacks the label of 'width'",
        ),
        (
            {"questions": lambda self: [("together", None, ["width"])]},
            "Toy.questions never asks for 'half'",
        ),
    ],
)
def test_a_member_that_gives_something_else_is_named_with_what_is_right(members, message):
    if "spaces" in members:
        members = members | {"targets": lambda self, factors, pool: torch.zeros(16, 6)}
    with pytest.raises(AssertionError, match=message):
        check_dataset(broken(**members))


def test_the_pool_of_a_source_that_is_not_there_can_be_handed_in():
    images = torch.randint(256, (20, 28, 28), generator=torch.Generator().manual_seed(0))
    pool = Pool(images.to(torch.uint8), torch.arange(20) % 10)
    check_dataset(TwoDigits(canvas=40, size1=12, size2=28), pool=pool)


def test_the_class_of_a_competitor_may_be_another_in_the_second_view():
    check_dataset(broken(again=other_class, competitors=("half",)))
    with pytest.raises(UserError, match="competitors names no feature, 'hlf'; did you mean 'half'"):
        check_dataset(broken(again=other_class, competitors=("hlf",)))


def halves(self, factors):
    both = torch.stack([factors["half"], 1 - factors["half"]], 1)
    return both, both


def others(self, factors):
    both = torch.stack([1 - factors["half"], factors["half"]], 1)
    return both, both


def test_the_objects_of_a_scene_are_checked():
    twice = ("half", "half")
    check_dataset(broken(objects=twice, of_objects=halves))
    with pytest.raises(UserError, match="no scenes of several objects"):
        check_dataset(broken(objects=twice))
    with pytest.raises(UserError, match="names no feature first, 'hlf'; did you mean 'half'"):
        check_dataset(broken(objects=("hlf", "half"), of_objects=halves))
    with pytest.raises(AssertionError, match=r"are \(16, 2\) torch.int64; they are \(16, 3\)"):
        check_dataset(broken(objects=("half", "half", "half"), of_objects=halves))
    with pytest.raises(AssertionError, match="another class of 'half' than `labels`"):
        check_dataset(broken(objects=("half", "width"), of_objects=others))
