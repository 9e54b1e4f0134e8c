"""The sections `loss`, `probe` and `clusters`: single pieces against the same piece of other libraries."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from paired import Found, Row, Variants, installed, one_thread, over, paired, timed
from torch import Tensor
from torch.nn.functional import cross_entropy

from suppression.evaluation import linear
from suppression.losses.contrastive import nt_xent
from suppression.seeding import rng, torch_rng

TAU, DIM = 0.2, 128
C, MAX_ITER = 0.1, 300  # the probe's defaults
K, ITERATIONS = 8, 20

Labelled = tuple[Tensor, Tensor]


def losses(n: int) -> dict[str, Callable[[Tensor, Tensor], Tensor] | None]:
    """NT-Xent of n pairs, ours and others'; None where it is not installed or cannot be run."""
    found: dict[str, Callable[[Tensor, Tensor], Tensor] | None] = {"ours": partial(nt_xent, tau=TAU), "lightly": None, "metric-learning": None}
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


def forward_backward(loss: Callable[[Tensor, Tensor], Tensor], z: list[Tensor]) -> tuple[float, Tensor]:
    for each in z:
        each.grad = None
    value = loss(*z)
    value.backward()
    return value.item(), z[0].grad  # type: ignore[return-value]


def peak(name: str, n: int) -> None:
    """Print how many bytes the process grows by at most while it takes one forward and backward pass; for a process of its own."""
    torch.set_num_threads(1)
    loss, z = losses(n)[name], projections(n)
    forward_backward(loss, projections(8))  # whatever is loaded late is not the loss's
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = status("VmRSS")
    forward_backward(loss, z)
    print(status("VmHWM") - before)


def status(name: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return 1024 * int(line.split()[1])


def measured_peak(name: str, n: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", f"import parts; parts.peak({name!r}, {n})"], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def loss(repetitions: int) -> Found:
    """NT-Xent, forward and backward, on 128-d float32 projections, one thread; before it is timed, values and gradients are checked to agree within 1e-4
    (gradients: of their largest). Peak memory is what a fresh process grows by at most during one pass, read from the kernel's high-water mark.
    """
    rows, notes = [], []
    for n in (256, 4096):
        z, found = projections(n), losses(n)
        with one_thread():
            value, gradient = forward_backward(found["ours"], z)  # type: ignore[arg-type]
            for name, other in found.items():
                if other is not None:
                    theirs, slope = forward_backward(other, z)
                    apart = max(abs(theirs - value), ((slope - gradient).abs().max() / gradient.abs().max()).item())
                    if not apart < 1e-4:
                        raise RuntimeError(f"{name} and ours differ by {apart} at {n} pairs, so their times cannot be compared")
            calls = 20 if n == 256 else 1
            variants: Variants = {
                name: other and timed(partial(forward_backward, other, z), 1 if name == "metric-learning" else calls) for name, other in found.items()
            }
            seconds = paired(variants, repetitions)
        rows += [Row(f"{n} pairs: {name}, ms", [1000 * s for s in seconds[name]], "{:.1f}", why=why(name)) for name in found]
        rows.append(Row(f"{n} pairs: lightly over ours", over(seconds, "lightly", "ours"), goal=("≥", 1.5)))
        rows.append(Row(f"{n} pairs: pytorch-metric-learning over ours", over(seconds, "metric-learning", "ours"), goal=("≥", 1.0), why=why("metric-learning")))
    grown = {name: [measured_peak(name, n) for _ in range(min(repetitions, 3))] if other else [] for name, other in losses(n).items()}
    rows += [Row(f"{n} pairs: {name}, peak memory, MB", [b / 1e6 for b in grown[name]], "{:.0f}", why=why(name)) for name in grown]
    rows.append(Row(f"{n} pairs: peak memory of ours over lightly's", over(grown, "ours", "lightly"), goal=("≤", 0.5)))
    return Found(rows, notes)


def why(name: str) -> str:
    """pytorch-metric-learning compares every positive pair with every negative one: 8,192 x 67 million floats at 4,096 pairs."""
    return "left out: it would need 2.2 TB" if name == "metric-learning" and installed("pytorch_metric_learning") else "not installed"


def synthetic(n: int, d: int) -> tuple[Labelled, Labelled]:
    """Features as a network might give them (rectified, correlated, ten classes that overlap), for fitting and 5,000 for testing."""
    draw = torch_rng("features", n, d)
    mix = torch.randn(d, d, generator=draw) * torch.arange(1, d + 1) ** -0.5  # few strong directions, many weak ones
    y = torch.randint(10, (n + 5000,), generator=draw)
    centre = 0.4 * torch.randn(10, d, generator=draw) * (128 / d) ** 0.5  # about nine in ten are told apart
    x = ((centre[y] + torch.randn(len(y), d, generator=draw)) @ mix.T / 3).relu()
    return (x[:n], y[:n]), (x[n:], y[n:])


def by_torch(train: Labelled, test: Labelled) -> tuple[float, float]:
    """Accuracy and objective of the same logistic regression by torch.optim.LBFGS: equal memory and stopping rule as scikit-learn's."""
    mean, std = train[0].mean(0), train[0].std(0, correction=0)
    std = torch.where(std > 0, std, 1.0)
    x, y = (train[0] - mean) / std, train[1]
    weight, bias = torch.zeros(10, x.shape[1], requires_grad=True), torch.zeros(10, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=MAX_ITER, history_size=10, tolerance_grad=1e-4, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = objective(x, y, weight, bias)
        value.backward()
        return value

    optimiser.step(closure)
    with torch.no_grad():
        accuracy = (((test[0] - mean) / std) @ weight.T + bias).argmax(1).eq(test[1]).float().mean().item()
        return accuracy, objective(x, y, weight, bias).item()


def objective(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return cross_entropy(x @ weight.T + bias, y) + weight.square().sum() / (2 * C * len(x))


def by_sklearn(train: Labelled) -> float:
    """The objective that scikit-learn's fit inside our probe reaches."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x = StandardScaler().fit_transform(train[0].numpy())
    model = LogisticRegression(C=C, max_iter=MAX_ITER).fit(x, train[1].numpy())
    return objective(*map(torch.as_tensor, (x, train[1].numpy(), model.coef_.astype(np.float32), model.intercept_.astype(np.float32)))).item()


def probe(repetitions: int) -> Found:
    """The linear probe, `suppression.probes.linear` (scikit-learn's LogisticRegression by L-BFGS on standardised features, C = 0.1), against the same
    objective by torch.optim.LBFGS (strong Wolfe, ten corrections, gradient below 1e-4, at most 300 iterations, float32); standardising, fitting and
    testing on 5,000 further samples; synthetic features of ten classes, one thread.
    """
    rows = []
    for n, d in ((2000, 128), (20_000, 512)):
        train, test = synthetic(n, d)
        with one_thread():
            ours = partial(linear, train, test, cases=len(test[1]), C=C, max_iter=MAX_ITER)
            seconds = paired({"ours": timed(ours), "torch": timed(partial(by_torch, train, test))}, repetitions)
            accuracy, reached = by_torch(train, test)
            row, lowest = ours(), by_sklearn(train)
        at = f"{n:,} x {d}"
        rows.append(Row(f"{at}: ours, s", seconds["ours"], "{:.2f}"))
        rows.append(Row(f"{at}: torch L-BFGS over ours", over(seconds, "torch", "ours"), goal=("≥", 1.0)))
        rows.append(Row(f"{at}: accuracy of ours, %{'' if row['converged'] else ' (not converged)'}", [100 * row["accuracy"]], "{:.2f}"))
        rows.append(Row(f"{at}: accuracy of torch L-BFGS less ours, points", [100 * (accuracy - row["accuracy"])], "{:+.2f}"))
        rows.append(Row(f"{at}: objective of torch L-BFGS over ours, less 1", [reached / lowest - 1], "{:+.1e}"))
    return Found(rows)


def clusters(repetitions: int) -> Found:
    """k-means of l2-normalised 128-d vectors, k = 8: 20 iterations from the same eight starting vectors, one thread. faiss.Kmeans (the library that
    `local_features` uses) is told `max_points_per_centroid=10**9`, as by default it trains on 256 points a centroid;
    scikit-learn's KMeans runs Lloyd's algorithm with `n_init=1` and `tol=0`. Inertia is the sum of squared distances to the nearest centre.
    """
    from sklearn.cluster import KMeans

    rows, notes = [], []
    if not installed("faiss"):
        return Found([Row("faiss")])
    import faiss

    for n in (4096, 65_536):
        draw = rng("vectors", n)
        x = (draw.standard_normal((K, DIM))[draw.integers(K, size=n)] * 0.1 + draw.standard_normal((n, DIM))).astype(np.float32)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        start = x[:K].copy()
        ours = faiss.Kmeans(DIM, K, niter=ITERATIONS, nredo=1, seed=0, max_points_per_centroid=10**9)
        theirs = KMeans(K, init=start, n_init=1, algorithm="lloyd", max_iter=ITERATIONS, tol=0)
        with one_thread():
            faiss.omp_set_num_threads(1)
            seconds = paired({"faiss": timed(partial(ours.train, x, init_centroids=start)), "sklearn": timed(partial(theirs.fit, x))}, repetitions)
        rows.append(Row(f"{n:,} vectors: faiss, ms", [1000 * s for s in seconds["faiss"]], "{:.0f}"))
        rows.append(Row(f"{n:,} vectors: scikit-learn over faiss", over(seconds, "sklearn", "faiss")))
        rows.append(
            Row(
                f"{n:,} vectors: inertia of faiss over scikit-learn's, less 1",
                [inertia(x, ours.centroids) / inertia(x, theirs.cluster_centers_) - 1],
                "{:+.1e}",
            )
        )
        notes.append(f"{n:,} vectors: scikit-learn stopped after {theirs.n_iter_} of {ITERATIONS} iterations.")
    return Found(rows, notes)


def inertia(x: np.ndarray, centres: np.ndarray) -> float:
    return float(torch.cdist(torch.as_tensor(x), torch.as_tensor(centres)).min(1).values.square().sum())
