"""Every remedy trains, goes on in the same bits, has flags and columns of its own, and a card."""

from __future__ import annotations

import copy
import inspect

import pytest
import torch

from suppression.errors import UserError
from suppression.execution.batches import load_pools, training_batches
from suppression.experiment.builders import build_method
from suppression.experiment.remedy_card import load_remedy_card, remedy_cards
from suppression.experiment.schema import schema
from suppression.experiment.validation import check_cell
from suppression.methods import METHODS, SimCLR
from suppression.methods.remedies import REMEDIES, with_remedies
from suppression.models import ResNet
from suppression.testing.methods import _build_method, parameters_with_owner
from suppression.training.loop import Training, train

CPU = torch.device("cpu")


@pytest.fixture
def cell_of(cell_with):
    """`cell_of(remedy)`: a smoke cell of the first method that it goes with."""

    def of(name, **parameters):
        going = [kind for kind in METHODS if REMEDIES[name].goes_with(METHODS[kind])]
        return cell_with(going[0]).replace(remedy=name, **parameters)

    return of


class Memory:
    """Keeps one checkpoint, of the step that is asked for."""

    def __init__(self, at=None, saved=None):
        self.at, self.saved, self.losses, self.done = at, saved, [], 0

    def log(self, row):
        self.losses.append(row["loss"])
        self.done = row["step"] + 1

    def due(self):
        return self.done == self.at

    def save(self, tensors, step):
        self.saved = (copy.deepcopy(tensors), step)

    def load(self):
        return self.saved


@pytest.mark.parametrize("name", REMEDIES)
def test_a_step_is_finite_and_changes_the_encoder(name, cell_of, context):
    cell = cell_of(name)
    if not METHODS[cell.method].builds_on:
        check_cell(cell)
    method = build_method(cell)
    before = copy.deepcopy(method.encoder.state_dict())
    method.train()
    draw = training_batches(cell, load_pools(cell, context, CPU)[True], CPU, method)
    loss = method(*draw(0))
    loss.backward()
    assert torch.isfinite(loss)
    assert all((p.grad is not None) is p.requires_grad for p in method.parameters())
    torch.optim.SGD(method.parameters(), lr=0.1).step()
    method.after_step(0.5)
    after = method.encoder.state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in before if "conv" in key)


@pytest.mark.parametrize("name", REMEDIES)
def test_a_step_does_not_wait_for_the_device_and_runs_in_bf16(name, cell_of, context, no_host_sync):
    cell = cell_of(name)
    method = build_method(cell).train()
    batch = training_batches(cell, load_pools(cell, context, CPU)[True], CPU, method)(0)
    with no_host_sync():
        with torch.autocast("cpu", torch.bfloat16):
            loss = method(*batch)
        loss.backward()
        method.after_step(0.5)
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)


@pytest.mark.parametrize("name", REMEDIES)
def test_a_resumed_training_ends_in_the_same_bits(name, cell_of, context):
    cell = cell_of(name)
    pool = load_pools(cell, context, CPU)[True]
    training = Training(samples=5 * cell.training.batch, batch=cell.training.batch)

    def trained(keeper):
        method = build_method(cell)
        draw = training_batches(cell, pool, CPU, method)
        train(method, draw, training=training, device=CPU, keeper=keeper)
        return method.state_dict(), keeper

    whole, keeper = trained(Memory(at=2))
    resumed, later = trained(Memory(saved=keeper.saved))
    assert later.losses == keeper.losses[2:]
    assert len(later.losses) == 3
    assert list(resumed) == list(whole)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


@pytest.mark.parametrize("name", REMEDIES)
def test_its_parameters_are_flags_columns_and_part_of_the_key(name, cell_of):
    cell = cell_of(name)
    plain = cell.replace(remedy=None)
    own = parameters_with_owner(REMEDIES[name])
    known = schema(cell.kind)
    for parameter in own:
        assert parameter in known
        assert parameter in cell.parameters
        assert known[parameter].text
    assert set(cell.parameters) == {*plain.parameters, *own, "remedy"}
    assert cell.key != plain.key


@pytest.mark.parametrize("name", REMEDIES)
def test_methods_that_it_does_not_go_with_are_refused_with_those_that_go(name, cell_with):
    cls = REMEDIES[name]
    going = [kind for kind in METHODS if cls.goes_with(METHODS[kind])]
    assert "supervised" not in going
    for method in set(METHODS) - set(going):
        told = f"remedy {name} needs .*, which {method} has not; it goes with: {', '.join(going)}$"
        with pytest.raises(ValueError, match=told):
            with_remedies(_build_method(METHODS[method]), [cls()])
    with pytest.raises(UserError, match=f"remedy {name} needs .*, which supervised has not"):
        build_method(cell_with("supervised").replace(remedy=name))


# Another value than the default, of what is idle beside a remedy and of a remedy's own.
OTHER = {
    "scaling": "repository",
    "head": "linear",
    "head_bn": "off",
    "head_layers": 3,
    "head_width": 24,
    "z_dim": 8,
    "tau": 0.7,
    "b": -3.0,
    "d0": 0.5,
    "kappa": 1.1,
    "decoder_width": 8,
    "viewmaker_width": 4,
    "masks": 3,
    "mask_width": 4,
}
SEEN_ELSEWHERE = ("group_by",)  # by what draws batches, not by the method


def outcome(name, own=None, **parameters):
    """The losses of three steps, and the encoder's weights after them."""
    torch.manual_seed(0)
    encoder = ResNet(width=4, stem=1, channels=1)
    method = with_remedies(SimCLR(encoder, **parameters), [REMEDIES[name](**(own or {}))])
    trained = [weight for weight in method.parameters() if weight.requires_grad]
    losses = []
    for step in range(3):
        x1, x2 = torch.rand(2, 16, 1, 16, 16, generator=torch.Generator().manual_seed(step))
        loss = method(x1, x2, torch.zeros(16, 10))
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, trained, allow_unused=True)
        for weight, gradient in zip(trained, gradients, strict=True):
            if gradient is not None:
                weight.data.sub_(gradient, alpha=0.05)
        method.after_step((step + 1) / 4)
    return losses, encoder.conv1.weight.tolist()


def with_simclr():
    return [name for name, cls in REMEDIES.items() if cls.goes_with(SimCLR)]


@pytest.mark.parametrize("name", with_simclr())
def test_what_it_leaves_idle_changes_nothing_and_is_told(name, cell_with):
    cell = cell_with("simclr").replace(remedy=name)
    for parameter in REMEDIES[name].idle:
        assert cell.idle()[parameter] == f"remedy = {name}"
        assert outcome(name, **{parameter: OTHER[parameter]}) == outcome(name)


@pytest.mark.parametrize("name", with_simclr())
def test_each_of_its_own_parameters_changes_something(name):
    for parameter, (declared, _) in parameters_with_owner(REMEDIES[name]).items():
        if parameter not in SEEN_ELSEWHERE:
            other = OTHER.get(parameter) or declared.default * 0.5
            assert outcome(name, {parameter: other}) != outcome(name), parameter


@pytest.mark.parametrize("name", REMEDIES)
def test_the_card_is_of_the_class(name):
    card, cls = load_remedy_card(name), REMEDIES[name]
    declared = parameters_with_owner(cls)
    assert [about.name for about in card.parameters] == list(declared)
    for about in card.parameters:
        default = declared[about.name][0].default
        assert about.default == ("none" if default is None else default)
        assert about.source
    changes = cls.changes() or ("after_step",)
    assert card.changes == list(changes)
    assert card.name == name
    assert card.claim
    assert card.source
    assert inspect.getdoc(cls)


def test_no_card_is_of_nothing():
    assert set(remedy_cards()) == set(REMEDIES)
    with pytest.raises(
        UserError, match=r"there is no card of the remedy 'imf'; did you mean 'ifm'"
    ):
        load_remedy_card("imf")
