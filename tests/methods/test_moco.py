"""MoCo against a queue kept as a Python list, a loop over logits, and lightly."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from suppression.errors import UserError
from suppression.experiment.validation import check_cell
from suppression.methods import MoCo
from suppression.methods._ema import ema_, follower


class Small(torch.nn.Sequential):
    """(n, 1, 4, 4) -> (n, 6); its batch norm makes it matter which pictures are seen together."""

    h_dim = 6

    def __init__(self):
        super().__init__(torch.nn.Flatten(), torch.nn.Linear(16, 6), torch.nn.BatchNorm1d(6))


def moco(**parameters):
    torch.manual_seed(0)
    return MoCo(Small(), **({"queue": 24, "bn_groups": 2, "z_dim": 5} | parameters)).train()


def views(n=8, seed=1):
    return torch.rand(2, n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


def updated(method):
    """Random weights in place of an optimiser's."""
    with torch.no_grad():
        for p in method.parameters():
            if p.requires_grad:
                p.add_(torch.randn_like(p))


def test_a_moving_average_equals_its_closed_form_after_several_steps():
    """target_k = ema^k w_0 + (1 - ema) sum_i ema^(k - i) w_i."""
    torch.manual_seed(0)
    online = torch.nn.Linear(3, 2).double()
    target, history = follower(online, 0.8), [online.weight.detach().clone()]
    for _step in range(5):
        updated(online)
        history.append(online.weight.detach().clone())
        ema_(target, online, 0.8)
    expected = 0.8**5 * history[0] + 0.2 * sum(0.8 ** (5 - i) * history[i] for i in range(1, 6))
    torch.testing.assert_close(target.weight, torch.nn.Parameter(expected, requires_grad=False))
    assert not any(p.requires_grad for p in target.parameters())


@pytest.mark.parametrize("ema", [-0.1, 1.1, math.nan])
def test_an_average_that_keeps_no_share_of_itself_is_told(ema):
    with pytest.raises(ValueError, match=f"ema = {ema} is not in \\[0, 1\\]"):
        moco(ema=ema)


@pytest.mark.parametrize("symmetric", [None, True])
def test_the_queue_holds_the_last_keys_as_a_list_does(symmetric):
    method = moco(symmetric=symmetric, queue=48)
    kept = list(method.queue.clone())
    where = 0
    for step in range(8):  # more than the queue holds
        x1, x2 = views(seed=step)
        new = [*method.key(x2), *(method.key(x1) if symmetric else ())]
        method(x1, x2, torch.zeros(8))
        assert torch.equal(torch.stack(kept), method.queue)  # a batch is not compared with itself
        updated(method)
        method.after_step(0.5)
        for k in new:
            kept[where] = k
            where = (where + 1) % 48
    torch.testing.assert_close(method.queue, torch.stack(kept))
    torch.testing.assert_close(method.queue.norm(dim=1), torch.ones(48))


@pytest.mark.parametrize(("symmetric", "local"), [(None, 0), (True, 0), (None, 2), (True, 1)])
def test_moco_is_the_loop_over_queries_keys_and_the_queue(symmetric, local):
    method = moco(symmetric=symmetric, queue=48, tau=0.3)
    updated(method)  # or keys and queries come from equal networks
    x1, x2 = views()
    small = [views(seed=10 + i)[0] for i in range(local)]
    q1, q2, k1, k2 = (f(x).tolist() for f in (method.query, method.key) for x in (x1, x2))
    q_local = [method.query(x).tolist() for x in small]
    pairs = [(q, k2) for q in (q1, *q_local)] + [(q, k1) for q in (q2, *q_local) if symmetric]
    losses = []
    for queries, keys in pairs:
        for q, k in zip(queries, keys, strict=True):
            right, *wrong = (
                math.exp(sum(a * b for a, b in zip(q, other, strict=True)) / 0.3)
                for other in (k, *method.queue.tolist())
            )
            losses.append(-math.log(right / (right + sum(wrong))))
    assert method(x1, x2, torch.zeros(8), *small).item() == pytest.approx(
        sum(losses) / len(losses), rel=1e-5
    )


def test_no_gradient_reaches_the_keys_network_or_the_queue():
    method = moco()
    method(*views(), torch.zeros(8)).backward()
    assert all(p.grad is None and not p.requires_grad for p in method.keys.parameters())
    assert all(
        p.grad is not None for p in [*method.encoder.parameters(), *method.head.parameters()]
    )
    assert not method.queue.requires_grad


def test_statistics_of_the_keys_batch_do_not_see_the_queries():
    x1, x2 = views()
    keys = []
    for queries in (x1, 100 * x1):
        method = moco()
        method(queries, x2, torch.zeros(8))
        keys.append((method.fresh, method.keys[0][2].running_var))
    assert torch.equal(keys[0][0], keys[1][0])
    assert torch.equal(keys[0][1], keys[1][1])


@pytest.mark.parametrize(("n", "groups"), [(8, 2), (16, 4), (9, 3), (12, 1)])
def test_a_key_is_normalised_with_as_few_companions_of_its_query_as_can_be(n, groups):
    """Whom a picture is normalised with is seen by whose change changes it: the queries' parts are
    runs, the keys' are dealt out."""
    method, (x, _) = moco(bn_groups=groups), views(n)
    run = [{j for j in range(n) if j // (n // groups) == i // (n // groups)} for i in range(n)]
    for one in range(n):
        other = x.clone()
        other[one] += 1
        with torch.no_grad():
            met = {
                name: (f(x) - f(other)).abs().amax(1) > 1e-6
                for name, f in (("query", method.query), ("key", method.key))
            }
        found = {name: {i for i in range(n) if moved[i]} for name, moved in met.items()}
        assert found["query"] == run[one]
        assert len(found["key"]) == n // groups
        assert one in found["key"]
        assert len(found["key"] & found["query"]) <= math.ceil(n / groups**2)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"queue": 100},
            "queue = 100 is not a multiple of the 32 keys of a batch of 32; the nearest one is 96",
        ),
        (
            {"queue": 96, "symmetric": True},
            "queue = 96 is not a multiple of the 64 keys of a batch of 32; the nearest one is 128",
        ),
        ({"bn_groups": 5}, "bn_groups = 5 does not divide a batch of 32"),
        (
            {"bn_groups": 32},
            "bn_groups = 32 does not divide a batch of 32 into equal groups of 2 or more",
        ),
        ({"ema": 1.5}, "ema = 1.5 is not in"),
        ({"queue": 0}, "queue = 0"),
        ({"bn_groups": 0}, "bn_groups = 0"),
        ({"tau": 0.0}, "tau = 0.0"),
    ],
)
def test_what_moco_cannot_be_trained_with_is_told_before_it_is_trained(given, told, cell_with):
    with pytest.raises(UserError, match=told):
        check_cell(cell_with("moco").replace(**given))


def test_loss_and_queue_are_lightlys_over_several_steps():
    lightly = pytest.importorskip("lightly.loss")
    method, theirs = moco(tau=0.3), lightly.NTXentLoss(temperature=0.3, memory_bank_size=(24, 5))
    method.queue.copy_(theirs.memory_bank.bank)
    for _step in range(5):
        q, k = torch.randn(2, 8, 5)
        q.requires_grad_()
        method.fresh = normalize(k, dim=1)
        torch.testing.assert_close(
            method.pair(normalize(q, dim=1), method.fresh, q), theirs(q, k), rtol=1e-5, atol=1e-5
        )
        method.after_step(0.5)
        torch.testing.assert_close(method.queue, theirs.memory_bank.bank)
