"""Calls of the library that cannot be: each says in one line what is wanted, none fails in torch.

The oracle is the table: a call, and the words that its message must have.
"""

from __future__ import annotations

import inspect
import pickle
import re
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import suppression as sup
from suppression import expect
from suppression.data import Augmentation, Pool, RandomBits, TwoDigits, load_pool, stream
from suppression.errors import UserError
from suppression.evaluation import as_encoder, evaluate, knn, linear, mlp, rankme
from suppression.losses import (
    info_nce,
    mean_logsumexp,
    nt_xent,
    pairwise,
    sinkhorn,
    sliced_wasserstein,
    sup_con,
    swapped,
)
from suppression.methods import CPC, METHODS, Autoencoder, InstDisc, SimCLR, Supervised
from suppression.metrics import (
    compare,
    contrastive_metrics,
    crossed_interval,
    effective_rank,
    equivalence,
    holm,
    incentive,
    lets_go,
    mean_interval,
    participation_ratio,
    retention,
    sign_flip,
    threshold,
    verdict,
    wilson,
)
from suppression.models import ConvNet, Head, RawPixels, ResNet
from suppression.training.loop import Training, train

NAN = float("nan")


def z(*shape, dtype=torch.float32):
    return torch.rand(shape).to(dtype)


def rng():
    return torch.Generator().manual_seed(0)


def net(**parameters):
    return ResNet(**{"width": 2, "stem": 1, "channels": 1, **parameters})


def scenes():
    return TwoDigits(canvas=16, size1=6, size2=12)


def labelled(n=8, d=3):
    return z(n, d), torch.arange(n) % 2


def small(encoder=lambda x: x.flatten(1), **options):
    return evaluate(encoder, RandomBits(canvas=8, bits=1), **{"train": 20, "test": 10, **options})


def trained(draw):
    return train(SimCLR(net()), draw, training=Training(samples=4, batch=4), device="cpu")


A, B = z(4, 3), z(4, 3)
X = z(4, 1, 16, 16)
Y = torch.eye(4)
BYTES = (X * 255).byte()
IMAGES = torch.zeros(5, 28, 28, dtype=torch.uint8)
COLOUR = Augmentation(jitter=0.5)

LOSSES = {
    "no pairs": (lambda: nt_xent(z(0, 3), z(0, 3), tau=0.5), "(0, 3)", "n >= 2"),
    "one pair": (lambda: pairwise(z(1, 3), z(1, 3), loss="margin"), "(1, 3)", "n >= 2"),
    "halves": (lambda: nt_xent(A, z(5, 3), tau=0.5), "z1 is (4, 3) and z2 (5, 3)", "same shape"),
    "widths": (lambda: sup_con(A, z(4, 2), Y, tau=0.5), "(4, 3) and z2 (4, 2)"),
    "no width": (lambda: nt_xent(z(4, 0), z(4, 0), tau=0.5), "(4, 0)", "d >= 1"),
    "three dims": (lambda: nt_xent(z(4, 3, 2), A, tau=0.5), "z1 is (4, 3, 2)", "(n, d)"),
    "a vector": (lambda: mean_logsumexp(z(4), tau=1.0), "z is (4,)", "(n, d)"),
    "whole": (lambda: nt_xent(A.long(), B, tau=0.5), "z1 is int64", "z1.float()"),
    "bytes": (lambda: sinkhorn(A.byte(), epsilon=1, iterations=3), "scores is uint8", ".float()"),
    "complex": (lambda: pairwise(A.cfloat(), B, loss="margin"), "z1 is complex64"),
    "types": (lambda: nt_xent(A, B.double(), tau=0.5), "float32 and z2 float64", "z2.to(z1)"),
    "numpy": (lambda: nt_xent(A.numpy(), B, tau=0.5), "z1 is an ndarray", "torch.as_tensor(z1)"),
    "a list": (lambda: nt_xent([[1.0]], B, tau=0.5), "z1 is a list", "torch.Tensor"),
    "None": (lambda: nt_xent(A, None, tau=0.5), "z2 is None"),
    "tau 0": (lambda: nt_xent(A, B, tau=0), "tau = 0;", "above 0"),
    "tau below": (lambda: info_nce(A, B, torch.arange(4), tau=-1), "tau = -1;", "above 0"),
    "tau nan": (lambda: sup_con(A, B, Y, tau=NAN), "tau = nan"),
    "tau tiny": (lambda: mean_logsumexp(A, tau=1e-40), "tau = 1e-40"),
    "tau word": (lambda: nt_xent(A, B, tau="0.2"), "tau is '0.2'", "a number"),
    "tau tensor": (lambda: nt_xent(A, B, tau=torch.tensor(0.2)), "tau is a tensor", "a number"),
    "margin": (lambda: pairwise(A, B, loss="margin", margin=NAN), "margin = nan"),
    "scaling": (lambda: nt_xent(A, B, tau=0.5, scaling="repo"), "did you mean 'repository'?"),
    "loss": (lambda: pairwise(A, B, loss="nt_xent"), "no loss 'nt_xent'", "nt_logistic"),
    "no candidates": (
        lambda: info_nce(A, z(0, 3), torch.arange(4), tau=1.0),
        "candidates is (0, 3)",
    ),
    "itself alone": (
        lambda: info_nce(A[:1], A[:1], torch.arange(1), tau=1.0, among_themselves=True),
        "(1, 3)",
        "n >= 2",
    ),
    "others": (
        lambda: info_nce(A, z(5, 3), torch.arange(4), tau=1.0, among_themselves=True),
        "same shape",
    ),
    "positives": (lambda: info_nce(A, B, torch.arange(4.0), tau=1.0), "of float32", "int64"),
    "few": (lambda: info_nce(A, B, torch.arange(3), tau=1.0), "(3,) for 4 anchors", "(4,)"),
    "classes": (lambda: sup_con(A, B, torch.arange(4), tau=1.0), "(4, classes)", "one_hot"),
    "directions": (lambda: sliced_wasserstein(A, B, torch.eye(2)), "(2, 2)", "(3, k) is wanted"),
    "iterations": (lambda: sinkhorn(A, epsilon=1.0, iterations=2.5), "iterations = 2.5", "whole"),
    "no codes": (lambda: swapped([], []), "0 codes and 0 predictions"),
    "one view": (lambda: swapped([A], [A]), "two predictions are wanted"),
    "no views": (lambda: swapped(A, A), "sequences of (n, k)"),
    "views differ": (lambda: swapped([A], [A, z(5, 3)]), "log_p[1] (5, 3)"),
}
NETWORKS = {
    "channels": (lambda: ResNet(width=2)(X), "1 channels", "made for 3", "ResNet(channels=1)"),
    "taps": (lambda: net().taps(z(4, 3, 16, 16)), "3 channels", "ResNet(channels=3)"),
    "a picture": (lambda: net()(X[0]), "x is (1, 16, 16)", "x[None]"),
    "bytes": (lambda: net()(BYTES), "x is uint8", "x.float() / 255"),
    "double": (lambda: net()(X.double()), "x is float64", "x.to(torch.float32)"),
    "half": (lambda: ConvNet(width=2, canvas=16)(X.half()), "float16 and the weights are float32"),
    "nothing": (lambda: net()(z(4, 1, 0, 0)), "(4, 1, 0, 0)"),
    "numpy": (lambda: RawPixels()(X.numpy()), "an ndarray", "torch.as_tensor(x)"),
    "canvas": (lambda: ConvNet(width=2, canvas=16)(z(4, 1, 20, 20)), "16 x 16 px"),
    "one row": (lambda: ConvNet(width=2, canvas=16)(X[:1]), "two at least", ".eval()"),
    "head": (lambda: Head(5)(A), "h is (4, 3)", "Head(3)"),
    "head type": (lambda: Head(3)(A.long()), "h is int64"),
    "head row": (lambda: Head(3)(A[:1]), "two at least"),
    "depth": (lambda: ResNet(depth=20), "depth = 20", "10, 18, 34"),
    "stem": (lambda: ResNet(stem=3), "stem = 3", "1, 2, 4"),
    "width": (lambda: ResNet(width=-1), "width = -1"),
    "whole": (lambda: ConvNet(width=2.5), "width = 2.5", "whole number"),
    "kind": (lambda: Head(4, head="mpl"), "head = 'mpl'", "identity, linear, mlp"),
}
VIEWS = {
    "bytes": (lambda: COLOUR(BYTES, rng()), "x is uint8", "x.float() / 255"),
    "half": (lambda: COLOUR(X.half(), rng()), "x is float16", "x.float()"),
    "double": (lambda: COLOUR(X.double(), rng()), "x is float64", "x.float()"),
    "two channels": (lambda: COLOUR(z(4, 2, 8, 8), rng()), "2 channels", "(3)"),
    "four channels": (
        lambda: Augmentation(op1="jitter")(z(4, 4, 8, 8), rng()),
        "4 channels",
        "x[:, :3]",
    ),
    "a picture": (lambda: COLOUR(X[0], rng()), "(1, 16, 16)", "x[None]"),
    "none": (lambda: COLOUR(X[:0], rng()), "(0, 1, 16, 16)", "n >= 1"),
    "oblong": (lambda: COLOUR(z(4, 1, 8, 12), rng()), "not square"),
    "numpy": (lambda: COLOUR(X.numpy(), rng()), "an ndarray"),
    "no generator": (lambda: COLOUR(X, 0), "rng is 0", "torch.Generator()"),
    "draw": (lambda: COLOUR.draw(2.5, 16, rng()), "n = 2.5", "whole number"),
    "other number": (lambda: COLOUR.apply(X, COLOUR.draw(3, 16, rng())), "4 pictures", "for 3"),
    "noise": (
        lambda: Augmentation(noise=1.0).apply(X, Augmentation(noise=1.0).draw(4, 8, rng())),
        "16 px",
        "8 px",
    ),
    "side": (lambda: Augmentation(view="16"), "view = '16'", "whole number"),
    "nan": (lambda: Augmentation(aspect=NAN), "aspect = nan", "finite number"),
    "operation": (lambda: Augmentation(op1="blurr"), "op1 = 'blurr'", "blur"),
}
METHODS_CALLED = {
    "no encoder": (lambda: SimCLR(None), "encoder is None", "ResNet(width=16)"),
    "a class": (lambda: SimCLR(ResNet), "the class ResNet"),
    "no width": (lambda: SimCLR(nn.Linear(3, 4)), "Linear", "h_dim"),
    "tau": (lambda: SimCLR(net(), tau="0.2"), "tau = '0.2'", "finite number"),
    "a word": (lambda: SimCLR(net(), loss="margins"), "loss = 'margins'", "margin"),
    "of the head": (lambda: SimCLR(net(), z_dim=2.5), "z_dim = 2.5"),
    "halves": (lambda: SimCLR(net())(X, X[:3], Y), "x1 is (4, 1, 16, 16) and x2 (3, 1, 16, 16)"),
    "one": (lambda: SimCLR(net())(X[:1], X[:1], Y), "n >= 2"),
    "bytes": (lambda: SimCLR(net())(BYTES, BYTES, Y), "x1 is uint8", "x1.float() / 255"),
    "channels": (lambda: SimCLR(ResNet(width=2))(X, X, Y), "ResNet(channels=1)"),
    "a picture": (lambda: SimCLR(net())(X[0], X[0], Y), "x1[None]"),
    "local": (lambda: SimCLR(net())(X, X, Y, z(3, 1, 8, 8)), "local crop 1", "(3, 1, 8, 8)"),
    "oblong": (lambda: Autoencoder(net())(*[z(4, 1, 8, 12)] * 2, Y), "not square"),
    "patches": (lambda: CPC(net())(A, B, Y), "(n, channels, s, s)"),
    "labels": (lambda: Supervised(net(), (4,))(X, X, torch.arange(4)), "(4, 4)", "one_hot"),
    "their width": (lambda: Supervised(net(), (5,))(X, X, Y), "(4, 5)"),
    "numbers": (lambda: InstDisc(net(), 9)(X, X, Y), "(4,) int64"),
    "a batch": (lambda: trained(lambda step: None), "a batch is None", "(x1, x2, y)"),
    "its type": (lambda: trained(lambda step: (BYTES, BYTES, Y)), "x1 is uint8"),
}
NUMBERS = {
    "no pairs": (lambda: contrastive_metrics(z(0, 3), z(0, 3), tau=1.0), "(0, 3)"),
    "halves": (lambda: contrastive_metrics(A, z(5, 3), tau=1.0), "(4, 3) and z2 (5, 3)"),
    "whole": (lambda: participation_ratio(A.long()), "z is int64"),
    "none": (lambda: effective_rank(z(0, 3)), "(0, 3)"),
    "a map": (lambda: rankme(X), "(n, d)"),
    "share": (lambda: wilson(1.5, 10), "accuracy = 1.5", "[0, 1]"),
    "cases": (lambda: wilson(0.5, 0), "n = 0"),
    "level": (lambda: mean_interval([0.5, 0.6], level=95), "level = 95", "(0, 1)"),
    "a hole": (lambda: mean_interval([0.5, NAN]), "values has nan"),
    "a number": (lambda: mean_interval(0.5), "values is 0.5", "list of numbers"),
    "too many": (lambda: crossed_interval([[3, 0], [1, 1]], [2, 2]), "0 to all"),
    "no table": (lambda: crossed_interval("x", [2, 2]), "numbers"),
    "no cases": (lambda: verdict([0.5, 0.6], 0.5, cases=0), "cases = 0"),
    "percent": (lambda: verdict([50, 60], 0.5, cases=9), "accuracy = 50", "[0, 1]"),
    "None": (lambda: retention(0.5, None, 0.1), "alone has None"),
    "batch": (lambda: incentive(1, batch=1, tau=0.2), "batch = 1"),
    "tau": (lambda: incentive(1, batch=8, tau=0), "tau = 0"),
    "bits": (lambda: incentive(-5000, batch=8, tau=0.2), "bits = -5000"),
    "a margin": (lambda: equivalence([0.1, 0.2, 0.3], 0), "margin = 0", "above 0"),
    "margins": (lambda: compare([[1, 2, 3]], []), "1 comparisons have 0 margins"),
    "a difference": (lambda: compare([[1, 2, NAN]], [3]), "differences has nan"),
    "differences": (lambda: sign_flip(1.0), "differences is 1.0", "list of numbers"),
    "p": (lambda: holm([0.1, 1.5]), "p = 1.5", "[0, 1]"),
    "nats": (lambda: lets_go(0, negatives=8, tau=0.2), "nats = 0"),
    "lengths": (lambda: threshold([0, 1, 2], [1.0, 0.5]), "3 positions and 2 values"),
}
SCENES = {
    "sample 0": (lambda: scenes().sample(0), "n = 0"),
    "sample -1": (lambda: scenes().sample(-1), "n = -1"),
    "sample 2.5": (lambda: scenes().sample(2.5), "n = 2.5", "whole number"),
    "sample how": (lambda: scenes().sample(2, augmentation={"flip": 1}), "a dict", "Augmentation"),
    "sample where": (lambda: scenes().sample(2, root=0), "root = 0", "path"),
    "field": (lambda: TwoDigits(canvas="64"), "canvas = '64'", "whole number"),
    "field 2.5": (lambda: RandomBits(canvas=8, bits=2.5), "bits = 2.5"),
    "stream batch": (lambda: stream(scenes(), batch=2.5), "batch = 2.5"),
    "stream how": (lambda: stream(scenes(), batch=2, augmentation=0), "augmentation is 0"),
    "stream where": (lambda: stream(scenes(), batch=2, device="gpu"), "no device 'gpu'"),
    "stream number": (lambda: stream(scenes(), batch=2)[0], "by number"),
    "pool of": (lambda: load_pool(TwoDigits), "the class TwoDigits"),
    "pool": (lambda: Pool(IMAGES, torch.arange(4)), "5 images have 4 labels"),
    "pool type": (lambda: Pool(IMAGES.float(), torch.arange(5)), "of float32", "uint8"),
    "pool labels": (lambda: Pool(IMAGES, [0] * 5), "labels is a list", "(m,) int64"),
    "card": (lambda: sup.dataset(0), "name = 0", "word"),
    "recipe": (lambda: sup.plan(None), "name = None", "word"),
    "fit steps": (lambda: sup.fit(scenes(), steps=2.5), "steps = 2.5", "whole number"),
    "fit method": (lambda: sup.fit(scenes(), method=0), "method = 0"),
    "fit where": (lambda: sup.fit(scenes(), device=2.5), "device = 2.5"),
    "Training": (lambda: Training(lr="1"), "lr = '1'", "finite number"),
}
PROBES = {
    "device": (lambda: small(device="gpu"), "no device 'gpu'"),
    "layers": (lambda: small(layers="h"), "layers=['h']"),
    "features": (lambda: small(features=0), "features is 0", "list of names"),
    "views": (lambda: small(views=0.5), "views is 0.5", "Augmentation"),
    "train": (lambda: small(train=2.5), "train = 2.5"),
    "class": (lambda: small(ResNet), "ResNet is a class"),
    "channels": (lambda: small(net(channels=3)), "made for 3"),
    "h_dim": (lambda: as_encoder(nn.Flatten(), h_dim=0), "h_dim = 0"),
    "no pair": (lambda: linear(None, labelled(), cases=4), "train is None", "labels (n,)"),
    "lengths": (lambda: knn((z(8, 3), torch.arange(6)), labelled(), cases=4), "8 labels"),
    "widths": (lambda: mlp(labelled(), labelled(d=2), cases=4), "3 numbers", "2 held out"),
    "labels": (lambda: knn((z(8, 3), z(8)), labelled(), cases=4), "of float32", "int64"),
    "below 0": (lambda: knn((z(8, 3), torch.arange(8) - 1), labelled(), cases=4), "0 or more"),
    "nan": (lambda: linear((z(8, 3) * NAN, torch.arange(8)), labelled(), cases=4), "NaN"),
    "numpy": (lambda: linear((np.ones((8, 3)), np.ones(8)), labelled(), cases=4), "an ndarray"),
    "k": (lambda: knn(labelled(), labelled(), cases=4, k=99), "k = 99", "8 neighbours"),
    "C": (lambda: linear(labelled(), labelled(), cases=4, C=0), "C = 0"),
    "hidden": (lambda: mlp(labelled(), labelled(), cases=4, hidden=2.5), "hidden = 2.5"),
    "cases": (lambda: linear(labelled(), labelled(), cases=0), "cases = 0"),
}
TABLE = {
    f"{room}: {name}": entry
    for room, entries in {
        "losses": LOSSES,
        "networks": NETWORKS,
        "views": VIEWS,
        "methods": METHODS_CALLED,
        "numbers": NUMBERS,
        "scenes": SCENES,
        "probes": PROBES,
    }.items()
    for name, entry in entries.items()
}


@pytest.mark.parametrize("name", TABLE)
def test_a_call_that_cannot_be_says_what_is_wanted(name):
    call, *words = TABLE[name]
    with pytest.raises((UserError, TypeError)) as raised:
        call()
    message = str(raised.value)
    for word in words:
        assert word in message
    assert "\n" not in message


def test_the_checks_wait_for_no_device_and_leave_gradients_alone(no_host_sync):
    z1 = A.clone().requires_grad_()
    method = SimCLR(net())
    with no_host_sync():
        nt_xent(z1, B, tau=0.2).backward()
        method(X, X, Y).backward()
        COLOUR.apply(X, COLOUR.draw(4, 16, rng()))
    assert z1.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_losses_take_every_floating_type(dtype):
    reference = nt_xent(A, B, tau=0.5)
    loss = nt_xent(A.to(dtype), B.to(dtype), tau=0.5)
    assert loss.dtype == dtype
    torch.testing.assert_close(loss.float(), reference, atol=0.05, rtol=0.02)


def test_strided_pictures_and_projections_are_taken():
    strided = X.permute(2, 3, 1, 0).contiguous().permute(3, 2, 0, 1)
    assert not strided.is_contiguous()
    assert torch.equal(COLOUR(strided, rng()), COLOUR(X, rng()))
    columns = A.T.contiguous().T
    torch.testing.assert_close(nt_xent(columns, B, tau=0.5), nt_xent(A, B, tau=0.5))


@pytest.mark.parametrize("channels", [2, 4])
def test_crops_take_pictures_of_any_channels(channels):
    assert Augmentation(flip=0.5)(z(2, channels, 8, 8), rng()).shape == (2, channels, 8, 8)


def test_networks_take_half_pictures_where_their_weights_are_half_or_under_autocast():
    assert net().half().eval()(X.half()).dtype == torch.float16
    with torch.autocast("cpu", torch.bfloat16):
        assert net()(X.bfloat16()).shape == (4, 16)


@pytest.mark.parametrize("network", [net(), ConvNet(width=2, canvas=16), RawPixels()])
def test_torch_can_trace_networks_as_before(network):
    network.eval()
    graph = torch.fx.symbolic_trace(network)
    torch.testing.assert_close(graph(X), network(X))


def test_torch_can_script_the_networks_that_it_could_script():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls scripting deprecated
        for network, x in ((ConvNet(width=2, canvas=16), X), (RawPixels(), X), (Head(3), A)):
            network.eval()
            torch.testing.assert_close(torch.jit.script(network)(x), network(x))


def test_a_method_can_be_copied_and_pickled_with_its_check():
    copy = pickle.loads(pickle.dumps(SimCLR(net())))
    with pytest.raises(UserError, match="x1 is uint8"):
        copy(BYTES, BYTES, Y)


@pytest.mark.parametrize("name", METHODS)
def test_the_signature_of_a_method_is_still_read_from_it(name):
    assert "encoder" in inspect.signature(METHODS[name]).parameters


def test_typed_takes_what_an_annotation_says_and_leaves_the_rest_alone():
    @expect.typed
    def draw(side: int, share: float = 0.5, kind: str | None = None, more: object = None):
        return side, share, kind, more

    assert draw(np.int64(3), 1, None, {}) == (3, 1, None, {})
    for arguments in ((True,), (3, NAN), (3, 0.5, 7), ("3",)):
        with pytest.raises(UserError, match=re.escape("draw: ")):
            draw(*arguments)
    with pytest.raises(TypeError, match=r"draw\(\) got an unexpected keyword argument 'sides'"):
        draw(sides=3)


def test_an_effective_rank_of_zeros_is_one():
    assert effective_rank(torch.zeros(4, 3)) == 1.0
