"""Clusters of local features against loops, known answers and scikit-learn's k-means."""

import sys

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from scipy.stats import t as student
from sklearn.cluster import KMeans
from torch.nn.functional import one_hot

from suppression.evaluation.base import Asked
from suppression.evaluation.clustering import (
    Clustering,
    kmeans,
    local_maps,
    patches,
    pooled,
    purity,
    reach,
    scores,
    truth,
    within_images,
)
from suppression.evaluation.features import maps
from suppression.execution.batches import load_pools
from suppression.execution.runner import stored_rows
from suppression.execution.store import Store
from suppression.exp import main
from suppression.experiment.plan import make_plan
from suppression.experiment.spec import load_recipe
from suppression.experiment.validation import check_cell
from suppression.keeping import cluster_sheet
from suppression.methods import Method
from suppression.models.resnet import ResNet
from suppression.reporting.cluster_figure import coloured, shown_cells
from suppression.seeding import torch_rng

CPU = torch.device("cpu")


def blobs(m=40, k=5, d=12, spread=0.02):
    """Points near k directions at right angles to one another, and which."""
    known = torch.arange(m * k) % k
    points = one_hot(known, d) + spread * torch.randn(m * k, d, generator=torch_rng("blobs"))
    return torch.nn.functional.normalize(points, dim=1), known.numpy()


# --- k-means and its score


def test_well_separated_blobs_are_found():
    points, known = blobs()
    found = scores(known, kmeans(points, 5))
    assert found["nmi"] == pytest.approx(1)
    assert found["purity"] == 1
    assert found["guess"] == 1 / 5


def test_the_sum_of_squares_is_that_of_scikit_learns_k_means_within_a_percent():
    points = torch.nn.functional.normalize(
        torch.randn(3000, 8, generator=torch_rng("points")), dim=1
    )  # more than faiss' 256 a centre
    found = kmeans(points, 4, nredo=10)
    x = points.numpy()
    ours = sum(((x[found == j] - x[found == j].mean(0)) ** 2).sum() for j in range(4))
    assert ours == pytest.approx(KMeans(4, n_init=10, random_state=0).fit(x).inertia_, rel=0.01)


def test_equal_seeds_give_equal_clusters_and_few_points_no_word_of_faiss(capfd):
    points, _ = blobs(m=3)
    assert np.array_equal(kmeans(points, 4), kmeans(points, 4))
    assert capfd.readouterr() == ("", "")


def test_as_many_clusters_as_points_and_no_more():
    points, _ = blobs(m=1)
    assert sorted(kmeans(points, 5)) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="k = 6 is more than the 5 vectors"):
        kmeans(points, 6)
    with pytest.raises(ValueError, match="k = 0"):
        kmeans(points, 0)


def test_purity_equals_the_loop_over_clusters():
    rng = np.random.default_rng(0)
    known, found = rng.integers(4, size=200), rng.integers(6, size=200)
    right = sum(
        max(
            sum(1 for a, b in zip(known, found, strict=True) if b == cluster and a == name)
            for name in range(4)
        )
        for cluster in range(6)
    )
    assert purity(known, found) == right / 200


# --- cells


@pytest.mark.parametrize(
    ("picture", "stem"), [(32, 1), (33, 2), (40, 2), (64, 4), (97, 4), (30, 1)]
)
def test_a_cells_window_is_centred_where_the_net_looks(picture, stem):
    """Where the gradient of a cell has its weight in a net of ones: around stride * i."""
    net = ResNet(width=1, stem=stem, channels=1).eval()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
    if stem == 4:
        net.maxpool = torch.nn.AvgPool2d(3, 2, 1)  # as a maximum has a gradient at one pixel only
    checked = 0
    for layer in ("block1", "block2", "block3"):
        x = torch.ones(1, 1, picture, picture, requires_grad=True)
        tap = net.taps(x)[layer]
        side = tap.shape[2]
        half = reach(picture, side)
        i = side // 2
        (tap[0, 0, i, i] / tap[0, 0, i, i].item()).backward()
        seen = x.grad[0, 0].abs().sum(0).nonzero().flatten()
        if seen.min() > 0 and seen.max() < picture - 1:  # or it is cut at the edge
            assert (seen.min() + seen.max()).item() / 2 == max(2 * half, 1) * i
            checked += 1
        assert pooled(x.detach(), side).shape[2] == side
    assert checked


def test_maps_at_twice_the_resolution_have_twice_the_side():
    net = ResNet(width=2, stem=2, channels=3)
    small, large = (maps(net, torch.rand(1, 3, side, side)) for side in (48, 96))
    for layer in ("block1", "block2", "block3", "block4"):
        assert large[layer].shape[2] == 2 * small[layer].shape[2]


@pytest.mark.parametrize(("picture", "side"), [(12, 12), (12, 6), (13, 7), (20, 3)])
def test_ink_and_patches_of_a_cell_are_those_of_its_window_by_a_loop(picture, side):
    x = torch.rand(2, 3, picture, picture, generator=torch_rng("ink"))
    stride = {12: 1, 6: 2, 7: 2, 3: 8}[side]
    half = stride // 2
    mean, patch = pooled(x, side), patches(x, side)
    for i in range(side):
        for j in range(side):
            rows, columns = (range(stride * at - half, stride * at + half + 1) for at in (i, j))
            window = torch.tensor(
                [
                    [
                        (x[1, 2, a, b].item() if 0 <= a < picture and 0 <= b < picture else 0.0)
                        for b in columns
                    ]
                    for a in rows
                ]
            )
            assert mean[1, 2, i, j].item() == pytest.approx(window.mean().item(), abs=1e-6)
            nearest = [
                [
                    x[1, 2, min(max(a, 0), picture - 1), min(max(b, 0), picture - 1)].item()
                    for b in columns
                ]
                for a in rows
            ]
            assert torch.allclose(
                patch[1].view(3, -1, side, side)[2, :, i, j], torch.tensor(nearest).flatten()
            )


def test_a_cell_is_that_of_the_digit_with_most_ink_and_background_where_there_is_little():
    masks = torch.zeros(1, 2, 8, 8)
    masks[0, 0, :4, :4], masks[0, 1, :4, 2:6] = 0.5, 0.9  # they overlap
    masks[0, 0, 6, 6] = 1.0  # one pixel of the nine of a window: less than INK
    ink = torch.nn.functional.pad(masks[0], (1, 1, 1, 1))  # a window has 3 px around 2 i, 2 j
    means = [
        [ink[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].mean((1, 2)).tolist() for j in range(4)]
        for i in range(4)
    ]
    expected = [
        [0 if max(cell) < 0.25 else 4 if cell[0] > cell[1] else 8 for cell in row] for row in means
    ]
    assert {0, 4, 8} <= {name for row in expected for name in row}
    assert expected[3][3] == 0 < max(means[3][3])
    assert truth(masks, torch.tensor([[3, 7]]), 4).view(4, 4).tolist() == expected


# --- what a probe makes of them


class Told(Method):
    """Its map is what was put into it, whatever it looks at."""

    class Net(torch.nn.Module):
        def __init__(self, tap):
            super().__init__()
            self.tap = tap

        def taps(self, x):
            return {"block2": self.tap, "h": self.tap.mean((2, 3))}

    def __init__(self, tap):
        super().__init__(self.Net(tap))


@pytest.fixture
def asked(context):
    """Scenes of one digit class an image, and their probe at 32 px, its map 16 cells a side."""
    plan = make_plan("local_features", scale="smoke")
    untrained = next(cell for cell in plan.cells if cell.method == "untrained")
    cell = untrained.replace(canvas=32)
    probe = plan.probe.model_copy(
        update={"layers": ["block2"], "clusters": [2], "cluster_images": 12, "resolution": 32}
    )
    return cell.dataset, probe, load_pools(cell, context, CPU)[False]


def rows_of(scenes, probe, method, pool, layer="block2"):
    asked = Asked(scenes, scenes, method, ["block2"], {False: pool}, CPU, probe)
    rows = list(Clustering.of(probe).ask(asked))
    return {row["scenes"]: row for row in rows if row["layer"] == layer}


def drawn(scenes, probe, pool):
    return scenes.factors(probe.cluster_images, torch_rng("clusters"), pool)


def test_features_that_are_the_mask_itself_score_1_and_random_ones_do_not(asked):
    scenes, probe, pool = asked
    some = drawn(scenes, probe, pool)
    masks = scenes.masks(some, pool, out=32)
    known = truth(masks, torch.zeros(12, 1, dtype=torch.int64), 16).view(12, 16, 16)
    row = rows_of(scenes, probe, Told(one_hot(known, 2).permute(0, 3, 1, 2).float()), pool)[
        "within image"
    ]
    assert (row["nmi"], row["purity"], row["nmi_low"], row["nmi_high"]) == pytest.approx(
        (1, 1, 1, 1)
    )
    assert row["cases"] == sum(1 for one in known if 0 < one.sum() < 256)
    assert row["guess"] == pytest.approx(
        np.mean(
            [
                max((one == 0).float().mean().item(), (one == 1).float().mean().item())
                for one in known
            ]
        )
    )
    noise = rows_of(
        scenes, probe, Told(torch.randn(12, 6, 16, 16, generator=torch_rng("noise"))), pool
    )
    assert noise["within image"]["nmi"] < 0.05
    assert noise["over the set"]["nmi"] < 0.05


def test_over_the_set_the_class_counts_and_within_an_image_where_the_digit_is(asked):
    """Features that tell ink from background, and no class.

    All that there is to find in an image, over the set only so much as entropies say.
    """
    scenes, probe, pool = asked
    some = drawn(scenes, probe, pool)
    known = truth(scenes.masks(some, pool, out=32), some["digit"][:, None], 16).view(12, 16, 16)
    ink = (known > 0).long()
    rows = rows_of(scenes, probe, Told(one_hot(ink, 2).permute(0, 3, 1, 2).float()), pool)
    shares = [count / known.numel() for count in known.unique(return_counts=True)[1].tolist()]
    assert len(shares) > 4
    of_ink, of_classes = entropy([shares[0], 1 - shares[0]]), entropy(shares)
    assert rows["over the set"]["nmi"] == pytest.approx(2 * of_ink / (of_ink + of_classes))
    assert rows["over the set"]["purity"] == pytest.approx(shares[0] + max(shares[1:]))
    assert rows["over the set"]["nmi_low"] is rows["over the set"]["nmi_high"] is None
    assert rows["within image"]["nmi"] == pytest.approx(1)


def test_the_interval_is_students_over_images_and_images_of_one_kind_are_left_out():
    rng = torch_rng("images")
    known = torch.randint(2, (6, 50), generator=rng)
    known[2] = 0
    vectors = torch.nn.functional.normalize(
        one_hot(known, 4) + 0.6 * torch.randn(6, 50, 4, generator=rng), dim=2
    )
    row = within_images(vectors, known, 2)
    each = [scores(known[i].numpy(), kmeans(vectors[i], 2))["nmi"] for i in (0, 1, 3, 4, 5)]
    low, high = student.interval(0.95, 4, np.mean(each), np.std(each, ddof=1) / 5**0.5)
    assert (row["nmi"], row["nmi_low"], row["nmi_high"]) == pytest.approx(
        (np.mean(each), max(low, 0), high)
    )
    assert row["cases"] == 5
    assert within_images(vectors[:1], known[:1], 2)["nmi_low"] is None
    with pytest.raises(
        ValueError, match=r"no picture has both a cell that is a digit's \(25% of ink"
    ):
        within_images(vectors[2:3], known[2:3], 2)


def test_raw_patches_are_a_layer_that_is_the_same_for_every_net(asked):
    scenes, probe, pool = asked
    nets = [Told(torch.randn(12, 3, 16, 16, generator=torch_rng("net", i))) for i in range(2)]
    one, other = (rows_of(scenes, probe, net, pool, layer="rgb") for net in nets)
    assert one == other
    x = scenes.render(drawn(scenes, probe, pool), pool, out=32)
    assert torch.equal(
        local_maps(scenes, probe, nets[0], ["block2"], pool, CPU)[2]["rgb"], patches(x, 16)
    )


@pytest.mark.parametrize(
    ("name", "update", "told"),
    [
        (
            "local_features",
            {"clusters": [2, 50]},
            "k = 50 is more than the 16 vectors of block4 on a 32-px picture; "
            "show it larger with resolution",
        ),
        ("local_features", {"clusters": [0]}, "k = 0: one cluster is the least"),
        (
            "local_features",
            {"layers": ["h", "z"]},
            "clusters are of local features, of which h, z has one a picture; "
            "layers that have maps: block1, block2",
        ),
        (
            "local_features",
            {"layers": ["block5"]},
            "ResNet has no layer 'block5'; did you mean 'block4'",
        ),
        ("local_features", {"resolution": -1}, "resolution = -1"),
        (
            "random_bits",
            {},
            "random_bits does not tell where its features lie, so clusters cannot be scored; "
            "those that do: digits_on_photos, multi_digits, two_",
        ),
    ],
)
def test_clusters_that_cannot_be_are_told_before_anything_is_trained(name, update, told):
    probe = make_plan("local_features", scale="smoke").probe.model_copy(
        update={"resolution": 32} | update
    )
    cell = make_plan(name, scale="smoke").cells[0]
    with pytest.raises(ValueError, match=told):
        check_cell(cell, probe)


def test_without_faiss_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ValueError, match="which is not installed: pip install faiss-cpu"):
        check_cell(
            make_plan("local_features", scale="smoke").cells[0],
            make_plan("local_features", scale="smoke").probe,
        )


def test_local_features_trains_nothing_that_digits_on_photographs_trains():
    scales = load_recipe("local_features").scale
    assert len(scales) == 3
    for scale in scales:
        one, other = (
            {cell.key for cell in make_plan(name, scale=scale, seeds=1).cells}
            for name in ("local_features", "digits_on_photos")
        )
        assert one < other


# --- pictures


def test_every_pixel_has_the_colour_of_the_cell_in_whose_window_it_is():
    found = np.arange(9) % 4
    tile = coloured(found, 12)  # cells at 0, 4 (stride) and 8 px: windows end at 2 and 6
    colours = {
        cluster: tile[4 * (cluster // 3), 4 * (cluster % 3)].tolist() for cluster in range(4)
    }
    assert len(set(map(tuple, colours.values()))) == 4
    for a in range(12):
        for b in range(12):
            i, j = (min((at + 2) // 4, 2) for at in (a, b))
            assert tile[a, b].tolist() == colours[found[3 * i + j]]
    assert colours[0] == [51, 51, 51]  # the largest, as it has three cells


@pytest.mark.slow
def test_the_door_leaves_pictures_a_table_and_rows_and_a_second_run_the_same(tmp_path, capsys):
    argv = [
        "local_features",
        "--scale",
        "smoke",
        "--store",
        str(tmp_path / "store"),
        "--workers",
        "1",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(argv) == 0
    out = capsys.readouterr()
    assert "normalised mutual information" in out.out
    assert "pictures.png" in out.err
    sheet = tmp_path / "out" / "local_features.smoke.pictures.png"
    first = sheet.read_bytes()
    assert first.startswith(b"\x89PNG")
    assert len(first) < 400_000
    (tmp_path / "store" / "results" / "local_features.smoke.sha256").unlink()
    assert main([*argv, "--overwrite"]) == 0
    assert sheet.read_bytes() == first
    plan, store = make_plan("local_features", scale="smoke"), Store(tmp_path / "store")
    rows = stored_rows(store, plan.cells[0], plan.probe)
    asked = {(row["layer"], row["scenes"], row["k"]) for row in rows}
    assert asked == {
        (layer, kind, k)
        for layer in ("block2", "block3", "block4", "rgb")
        for kind in ("within image", "over the set")
        for k in (2, 4)
    }
    raw = {
        str([row["nmi"] for row in stored_rows(store, cell, plan.probe) if row["layer"] == "rgb"])
        for cell in plan.cells
    }
    assert len(raw) == 1


def test_where_no_cell_is_stored_there_is_no_sheet(context):
    plan, store = make_plan("local_features", scale="smoke"), Store(context.store)
    assert shown_cells(plan, []) == {}
    assert cluster_sheet(plan, store, context) is None


@pytest.mark.slow
def test_where_nothing_is_clustered_there_is_no_sheet(smoke_store):
    assert list(smoke_store.glob("results/*.svg"))
    assert not list(smoke_store.rglob("*.pictures.png"))
