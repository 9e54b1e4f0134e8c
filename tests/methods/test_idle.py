"""Parameters that are said to do nothing do nothing, and all others do something.

A method is built with two values of a parameter from the same seed, is trained for two steps, and
is compared: its initial weights, its losses, what it logs, its weights at the end, and which of
them keep their learning rate.
"""

from __future__ import annotations

import functools
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from torch.nn.functional import one_hot

from suppression.methods import METHODS
from suppression.models import ResNet
from suppression.testing.methods import parameters_with_owner

BATCH, CLASSES, IMAGES = 16, 10, 32

# Another value than the default, where the rules of `other_value` find none that is allowed.
OTHER = {
    "margin": 0.7,  # 0.4 is what none stands for
    "labels": 0.5,
    "patch": 5,  # 6 is what none stands for on 16 px
    "ahead": 2,
    "queue": 64,
    "head_layers": 4,
    "predictor_layers": 3,
    "head_width": 24,
    "predictor_width": 24,
    "prototypes": 40,
    "bn_groups": 4,
    "head_bn": "all",  # under a linear head, off and hidden are one
    "label_weight": 0.5,
}

# What a parameter needs beside it to be allowed or to be seen at all.
NEEDS = {
    "margin": {"loss": "margin"},
    "negatives": {"loss": "margin"},
}

# Metrics that an idle parameter of the method still has a part in: training is the same.
LOGGED_ALONE = {
    ("simclr", "tau"): ["contrast_entropy"],  # of the softmax at tau, whatever the loss is
    ("continued", "tau"): ["contrast_entropy"],
}

# Parameters of which two values are the same to the method itself, and why.
SEEN_ELSEWHERE = {
    ("supervised", "labels"): "the feed leaves pictures without a label out (execution.batches)",
    ("finetune", "labels"): "as supervised",
    ("distil", "labels"): "as supervised",
    ("distil", "distil_on"): "the feed leaves pictures without a label out",
    ("supervised", "classes"): "blocks, which is always given to it, says it",
    ("finetune", "classes"): "as supervised",
    ("distil", "classes"): "as supervised",
    ("cpc", "head_layers"): "its head is linear by default: idle by the table",
    ("cpc", "head_width"): "its head is linear by default: idle by the table",
}


@functools.cache
def parameters(name: str) -> dict[str, tuple[Any, Any]]:
    """Default and type of each parameter of the method."""
    found = {}
    for parameter, (declared, owner) in parameters_with_owner(METHODS[name]).items():
        hint = get_type_hints(owner.__init__)[parameter]
        found[parameter] = (declared.default, hint)
    return found


def words(hint: Any) -> list[Any]:
    """The values of a Literal, also of one that may be none."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    found = []
    for option in get_args(hint):
        found += words(option)
    return found


def other_value(name: str, parameter: str) -> Any:
    """A value of the parameter that is allowed and is not its default."""
    default, hint = parameters(name)[parameter]
    if parameter in OTHER and OTHER[parameter] != default:
        return OTHER[parameter]
    for word in words(hint):
        if word != default and word != "hidden":
            return word  # hidden is what a batch norm of none stands for
    if hint is float:
        return default / 2
    if hint is int:
        return default + 3
    return True  # a switch


def outcome(name: str, **given: Any) -> dict[str, Any]:
    """Everything of a small training that a parameter may change."""
    cls = METHODS[name]
    torch.manual_seed(0)
    encoder = ResNet(width=4, stem=1, channels=1)
    told = ()
    if cls.labelled:
        told = ((CLASSES,),)
    elif cls.instanced:
        told = (IMAGES,)
    start = {}
    if cls.builds_on == ("start",) and given.get("from_layer") == "z1":
        start = {"start": METHODS["simclr"](ResNet(width=4, stem=1, channels=1))}
        torch.manual_seed(0)
    method = cls(encoder, *told, **start, **given).train()
    seen: dict[str, Any] = {"initial weights": weights(method)}
    steady = {id(weight) for weight in method.steady()}
    trained = [weight for weight in method.parameters() if weight.requires_grad]
    seen["rates that stay"] = [id(weight) in steady for weight in trained]
    if not cls.trains:
        return seen
    method.watch = True
    for step in range(2):
        rng = torch.Generator().manual_seed(step)
        x1, x2 = torch.rand(2, BATCH, 1, 16, 16, generator=rng)
        y = one_hot(torch.arange(BATCH) % CLASSES, CLASSES).float()
        if cls.instanced:
            y = torch.randperm(IMAGES, generator=rng)[:BATCH]
        loss = method(x1, x2, y)
        loss.backward()
        with torch.no_grad():
            for weight in trained:
                if weight.grad is not None:
                    weight.sub_(weight.grad, alpha=0.05)
                    weight.grad = None
        method.after_step((step + 1) / 3)
        metrics = {key: value.item() for key, value in method.metrics.items()}
        seen[f"step {step}"] = (loss.item(), metrics)
    seen["weights"] = weights(method)
    return seen


def weights(method: torch.nn.Module) -> list[Any]:
    found = []
    for key, value in method.state_dict().items():
        if isinstance(value, torch.Tensor):
            found.append((key, tuple(value.shape), value.flatten().tolist()))
    return found


def with_small(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Smaller widths than the defaults where only time depends on them."""
    small = {"queue": 32, "bn_groups": 2, "prototypes": 20}
    if name in ("vicreg", "barlow"):
        small |= {"head_width": 16, "z_dim": 16}
    known = parameters(name)
    return {key: value for key, value in small.items() if key in known} | given


def declared() -> list[tuple[str, str, Any, str]]:
    """(method, parameter, its value, the parameter that is idle then) of every table."""
    found = []
    for name, cls in METHODS.items():
        known = parameters(name)
        for parameter, values in cls.idle.items():
            if parameter not in known:
                continue  # a class that inherits the table may have no such choice
            for value, idle in values.items():
                found += [(name, parameter, value, each) for each in idle]
    return found


@pytest.mark.parametrize(("name", "parameter", "value", "idle"), declared())
def test_a_parameter_that_is_said_to_be_idle_changes_nothing(name, parameter, value, idle):
    default, _ = parameters(name)[idle]
    given = with_small(name, {parameter: value})
    one = outcome(name, **given | {idle: default})
    two = outcome(name, **given | {idle: other_value(name, idle)})
    for metric in LOGGED_ALONE.get((name, idle), ()):
        for step in ("step 0", "step 1"):
            assert one[step][1].pop(metric) != two[step][1].pop(metric)
    assert one == two


def not_idle_at_defaults() -> list[tuple[str, str]]:
    return [(name, parameter) for name in METHODS for parameter in parameters(name)]


@pytest.mark.parametrize(("name", "parameter"), not_idle_at_defaults())
def test_a_parameter_that_is_not_said_to_be_idle_changes_something(name, parameter):
    default, _ = parameters(name)[parameter]
    other = other_value(name, parameter)
    assert other != default
    given = with_small(name, NEEDS.get(parameter, {}))
    given.pop(parameter, None)
    if parameter == "head_width" and "head_width" in given:
        default = given[parameter]
    one = outcome(name, **given | {parameter: default})
    two = outcome(name, **given | {parameter: other})
    if (name, parameter) in SEEN_ELSEWHERE:
        assert one == two, "take it off the list of exceptions"
    else:
        assert one != two


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_the_width_of_z_is_not_idle_under_a_head_that_has_layers(head):
    assert "z_dim" not in METHODS["simclr"].idle["head"].get(head, ())
    assert outcome("simclr", head=head, z_dim=8) != outcome("simclr", head=head, z_dim=12)
    assert outcome("simclr", head="identity", z_dim=8) == outcome(
        "simclr", head="identity", z_dim=12
    )
