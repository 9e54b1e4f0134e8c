"""The sections `loss`, `probe` and `clusters`: single pieces against those of others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from paired import Found, Row, Variants, installed, one_thread, over, paired, scaled, timed
from torch import Tensor
from torch.nn.functional import cross_entropy

from suppression.evaluation import linear
from suppression.losses.contrastive import nt_xent
from suppression.seeding import rng, torch_rng

TAU, DIM = 0.2, 128
C, MAX_ITER = 0.1, 300  # the probe's defaults
K, ITERATIONS = 8, 20

Labelled = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


def losses(n: int) -> dict[str, Loss | None]:
    """NT-Xent of n pairs, ours and others'; None where it is not installed or cannot be run."""
    found: dict[str, Loss | None] = {"ours": partial(nt_xent, tau=TAU)}
    found |= {"lightly": None, "metric-learning": None}
    if installed("lightly"):
        from lightly.loss import NTXentLoss

        found["lightly"] = NTXentLoss(TAU)
    if installed("pytorch_metric_learning") and n <= 512:
        from pytorch_metric_learning.losses import NTXentLoss as PairLoss
        from pytorch_metric_learning.losses import SelfSupervisedLoss

        found["metric-learning"] = SelfSupervisedLoss(PairLoss(temperature=TAU))
    return found


def projections(n: int) -> list[Tensor]:
    """Two views' projections that are somewhat alike."""
    z = torch.randn(3, n, DIM, generator=torch_rng("projections", n))
    return [(z[0] + z[i]).requires_grad_() for i in (1, 2)]


def forward_backward(loss: Loss, z: list[Tensor]) -> tuple[float, Tensor]:
    for each in z:
        each.grad = None
    value = loss(*z)
    value.backward()
    return value.item(), z[0].grad  # type: ignore[return-value]


def peak(name: str, n: int) -> None:
    """Print how many bytes the process grows by at most in one forward and backward pass.

    It is called in a process of its own.
    """
    torch.set_num_threads(1)
    loss, z = losses(n)[name], projections(n)
    forward_backward(loss, projections(8))  # whatever is loaded late is not the loss's
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = status("VmRSS")
    forward_backward(loss, z)
    print(status("VmHWM") - before)


def status(name: str) -> int:
    """A line of the kernel's account of this process, bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"the kernel does not tell {name}")


def measured_peak(name: str, n: int) -> float:
    argv = [sys.executable, "-c", f"import parts; parts.peak({name!r}, {n})"]
    here = Path(__file__).parent
    done = subprocess.run(argv, cwd=here, capture_output=True, text=True, check=True)
    return float(done.stdout)


def loss(repetitions: int) -> Found:
    """NT-Xent, forward and backward, on 128-d float32 projections, one thread.

    Before it is timed, values and gradients are checked to agree within 1e-4 (gradients: of their
    largest). Peak memory is what a fresh process grows by at most during one pass, read from the
    kernel's high-water mark.
    """
    rows: list[Row] = []
    for n in (256, 4096):
        found = losses(n)
        with one_thread():
            check_equal(found, projections(n))
            variants = passes(found, projections(n), calls=20 if n == 256 else 1)
            seconds = paired(variants, repetitions)
        for name in found:
            ms = scaled(seconds[name], 1000)
            rows.append(Row(f"{n} pairs: {name}, ms", ms, "{:.1f}", why=why(name)))
        lightly = over(seconds, "lightly", "ours")
        other = over(seconds, "metric-learning", "ours")
        rows.append(Row(f"{n} pairs: lightly over ours", lightly, goal=("≥", 1.5)))
        what, reason = f"{n} pairs: pytorch-metric-learning over ours", why("metric-learning")
        rows.append(Row(what, other, goal=("≥", 1.0), why=reason))
    return Found(rows + memory_rows(n, min(repetitions, 3)))


def passes(found: dict[str, Loss | None], z: list[Tensor], *, calls: int) -> Variants:
    variants: Variants = {}
    for name, each in found.items():
        number = 1 if name == "metric-learning" else calls
        variants[name] = each and timed(partial(forward_backward, each, z), number)
    return variants


def check_equal(found: dict[str, Loss | None], z: list[Tensor]) -> None:
    """RuntimeError unless all losses have the value and the gradient of ours."""
    value, gradient = forward_backward(found["ours"], z)  # type: ignore[arg-type]
    for name, other in found.items():
        if other is None:
            continue
        theirs, slope = forward_backward(other, z)
        by_gradient = (slope - gradient).abs().max() / gradient.abs().max()
        apart = max(abs(theirs - value), by_gradient.item())
        if not apart < 1e-4:
            raise RuntimeError(
                f"{name} and ours differ by {apart} at {len(z[0])} pairs, so their times cannot be "
                "compared"
            )


def memory_rows(n: int, repetitions: int) -> list[Row]:
    grown: dict[str, list[float]] = {}
    rows = []
    for name, each in losses(n).items():
        grown[name] = []
        if each is not None:
            grown[name] += [measured_peak(name, n) for _ in range(repetitions)]
        mb = scaled(grown[name], 1e-6)
        rows.append(Row(f"{n} pairs: {name}, peak memory, MB", mb, "{:.0f}", why=why(name)))
    ratios = over(grown, "ours", "lightly")
    rows.append(Row(f"{n} pairs: peak memory of ours over lightly's", ratios, goal=("≤", 0.5)))
    return rows


def why(name: str) -> str:
    """Why there are no numbers of a loss.

    pytorch-metric-learning compares every positive pair with every negative one: 8,192 x 67 million
    floats at 4,096 pairs.
    """
    if name == "metric-learning" and installed("pytorch_metric_learning"):
        return "left out: it would need 2.2 TB"
    return "not installed"


def synthetic(n: int, d: int) -> tuple[Labelled, Labelled]:
    """Features as a network might give them, for fitting and 5,000 for testing.

    They are rectified and correlated, of ten classes that overlap.
    """
    draw = torch_rng("features", n, d)
    strength = torch.arange(1, d + 1) ** -0.5  # few strong directions, many weak ones
    mix = torch.randn(d, d, generator=draw) * strength
    y = torch.randint(10, (n + 5000,), generator=draw)
    # About nine in ten are told apart.
    centre = 0.4 * torch.randn(10, d, generator=draw) * (128 / d) ** 0.5
    x = ((centre[y] + torch.randn(len(y), d, generator=draw)) @ mix.T / 3).relu()
    return (x[:n], y[:n]), (x[n:], y[n:])


def by_torch(train: Labelled, test: Labelled) -> tuple[float, float]:
    """Accuracy and objective of the same logistic regression by torch.optim.LBFGS.

    Memory and stopping rule are scikit-learn's.
    """
    mean, std = train[0].mean(0), train[0].std(0, correction=0)
    std = torch.where(std > 0, std, 1.0)
    x, y = (train[0] - mean) / std, train[1]
    weight = torch.zeros(10, x.shape[1], requires_grad=True)
    bias = torch.zeros(10, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias],
        max_iter=MAX_ITER,
        history_size=10,
        tolerance_grad=1e-4,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = objective(x, y, weight, bias)
        value.backward()
        return value

    optimiser.step(closure)
    with torch.no_grad():
        logits = ((test[0] - mean) / std) @ weight.T + bias
        accuracy = logits.argmax(1).eq(test[1]).float().mean().item()
        return accuracy, objective(x, y, weight, bias).item()


def objective(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return cross_entropy(x @ weight.T + bias, y) + weight.square().sum() / (2 * C * len(x))


def by_sklearn(train: Labelled) -> float:
    """The objective that scikit-learn's fit inside our probe reaches."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x = StandardScaler().fit_transform(train[0].numpy())
    model = LogisticRegression(C=C, max_iter=MAX_ITER).fit(x, train[1].numpy())
    weight = torch.as_tensor(model.coef_.astype(np.float32))
    bias = torch.as_tensor(model.intercept_.astype(np.float32))
    return objective(torch.as_tensor(x), train[1], weight, bias).item()


def probe(repetitions: int) -> Found:
    """The linear probe against the same objective by torch.optim.LBFGS.

    `suppression.probes.linear` is scikit-learn's LogisticRegression by L-BFGS on standardised
    features, C = 0.1. The other one: strong Wolfe, ten corrections, gradient below 1e-4, at most
    300 iterations, float32. Standardising, fitting and testing on 5,000 further samples; synthetic
    features of ten classes, one thread.
    """
    rows = []
    for n, d in ((2000, 128), (20_000, 512)):
        train, test = synthetic(n, d)
        ours = partial(linear, train, test, cases=len(test[1]), C=C, max_iter=MAX_ITER)
        theirs = partial(by_torch, train, test)
        with one_thread():
            seconds = paired({"ours": timed(ours), "torch": timed(theirs)}, repetitions)
            accuracy, reached = theirs()
            row, lowest = ours(), by_sklearn(train)
        at, ended = f"{n:,} x {d}", "" if row["converged"] else " (not converged)"
        more, apart = 100 * (accuracy - row["accuracy"]), reached / lowest - 1
        ratios = over(seconds, "torch", "ours")
        rows += [
            Row(f"{at}: ours, s", seconds["ours"], "{:.2f}"),
            Row(f"{at}: torch L-BFGS over ours", ratios, goal=("≥", 1.0)),
            Row(f"{at}: accuracy of ours, %{ended}", [100 * row["accuracy"]], "{:.2f}"),
            Row(f"{at}: accuracy of torch L-BFGS less ours, points", [more], "{:+.2f}"),
            Row(f"{at}: objective of torch L-BFGS over ours, less 1", [apart], "{:+.1e}"),
        ]
    return Found(rows)


def clusters(repetitions: int) -> Found:
    """k-means of l2-normalised 128-d vectors, k = 8.

    20 iterations from the same eight starting vectors, one thread. faiss.Kmeans (the library that
    `local_features` uses) is told `max_points_per_centroid=10**9`, as by default it trains on 256
    points a centroid; scikit-learn's KMeans runs Lloyd's algorithm with `n_init=1` and `tol=0`.
    Inertia is the sum of squared distances to the nearest centre.
    """
    from sklearn.cluster import KMeans

    rows, notes = [], []
    if not installed("faiss"):
        return Found([Row("faiss")])
    import faiss

    given = {"niter": ITERATIONS, "nredo": 1, "seed": 0, "max_points_per_centroid": 10**9}
    for n in (4096, 65_536):
        draw = rng("vectors", n)
        centres = draw.standard_normal((K, DIM))[draw.integers(K, size=n)]
        x = (0.1 * centres + draw.standard_normal((n, DIM))).astype(np.float32)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        start = x[:K].copy()
        ours = faiss.Kmeans(DIM, K, **given)
        theirs = KMeans(K, init=start, n_init=1, algorithm="lloyd", max_iter=ITERATIONS, tol=0)
        variants: Variants = {
            "faiss": timed(partial(ours.train, x, init_centroids=start)),
            "sklearn": timed(partial(theirs.fit, x)),
        }
        with one_thread():
            faiss.omp_set_num_threads(1)
            seconds = paired(variants, repetitions)
        ms, ratios = scaled(seconds["faiss"], 1000), over(seconds, "sklearn", "faiss")
        apart = inertia(x, ours.centroids) / inertia(x, theirs.cluster_centers_) - 1
        rows += [
            Row(f"{n:,} vectors: faiss, ms", ms, "{:.0f}"),
            Row(f"{n:,} vectors: scikit-learn over faiss", ratios),
            Row(f"{n:,} vectors: inertia of faiss over scikit-learn's, less 1", [apart], "{:+.1e}"),
        ]
        notes.append(
            f"{n:,} vectors: scikit-learn stopped after {theirs.n_iter_} of {ITERATIONS} "
            "iterations."
        )
    return Found(rows, notes)


def inertia(x: np.ndarray, centres: np.ndarray) -> float:
    distances = torch.cdist(torch.as_tensor(x), torch.as_tensor(centres))
    return float(distances.min(1).values.square().sum())
