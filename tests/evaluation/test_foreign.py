"""Networks of other libraries through one adapter, each held against the library's own call."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import conv2d

from suppression.errors import UserError
from suppression.evaluation.foreign import Foreign, Preprocessing, foreign, leading_tokens

GRAY = torch.rand(5, 1, 32, 32, generator=torch.Generator().manual_seed(0))
COLOURS = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(1))


class Small(nn.Module):
    """A convolution, its output changed in place by what follows, and a mean over places."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.act(self.conv(x)).mean((2, 3))


# --- preprocessing -----------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "name"), [(16, "bilinear"), (48, "bilinear"), (20, "bicubic")])
def test_resizing_is_that_of_pillow(side, name):
    shown = Preprocessing(size=side, interpolation=name)(GRAY)
    how = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[name]
    for ours, picture in zip(shown[:, 0], GRAY[:, 0], strict=True):
        theirs = np.asarray(Image.fromarray(picture.numpy()).resize((side, side), how))
        np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_normalising_is_that_of_torchvision():
    from torchvision.transforms.functional import normalize

    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    ours = Preprocessing(mean=mean, std=std)(COLOURS)
    torch.testing.assert_close(ours, normalize(COLOURS, mean, std))


def test_a_caption_says_what_was_used():
    text = str(Preprocessing(size=64, mean=(0.5,) * 3, std=(0.25,) * 3, source="as timm says"))
    assert text == "resized to 64 px (bilinear, nothing cropped), mean 0.5, std 0.25, as timm says"
    assert str(Preprocessing()) == "pictures as drawn, not normalised, as given"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"mean": (0.5,), "std": ()}, "1 means and 0 deviations"),
        ({"mean": (0.5, 0.5), "std": (1.0, 1.0)}, "one of each a channel"),
        ({"mean": (0.5,), "std": (0.0,)}, "not above 0"),
        ({"size": 0}, "size = 0"),
        ({"interpolation": "bilinaer"}, "did you mean 'bilinear'"),
    ],
)
def test_preprocessing_that_cannot_be_is_refused(given, told):
    with pytest.raises(UserError, match=told):
        Preprocessing(**given)


# --- shapes ------------------------------------------------------------------------------------


def test_vectors_maps_tokens_and_mappings_are_vectors():
    square = torch.arange(2 * 3 * 4 * 4.0).view(2, 3, 4, 4)
    tokens = torch.arange(2 * 9 * 3.0).view(2, 9, 3)
    x = COLOURS[:2]
    for output, layer, wanted in [
        (square.flatten(1), "h", square.flatten(1)),
        (square, "h", square.mean((2, 3))),
        (square.permute(0, 2, 3, 1), "h", square.mean((2, 3))),
        (tokens, "patches", tokens.mean(1)),
        ({"last_hidden_state": tokens, "pooler_output": square}, "patches", tokens.mean(1)),
        ({"early": square, "late": tokens[:, 0]}, "early", square.mean((2, 3))),
        ({"early": square, "late": tokens[:, 0]}, "late", tokens[:, 0]),
        ([square, tokens[:, 0]], "output1", tokens[:, 0]),
        ((square, None), "h", square.mean((2, 3))),
    ]:
        made = foreign(lambda x, output=output: output, Preprocessing(), x)
        torch.testing.assert_close(made.taps(x)[layer], wanted)


def test_a_class_token_and_the_mean_over_patches_are_two_layers():
    tokens = torch.rand(2, 1 + 9, 3)
    made = foreign(lambda x: tokens, Preprocessing(), COLOURS[:2], tokens=1)
    assert made.layers == ("cls", "patches")
    torch.testing.assert_close(made.taps(COLOURS[:2])["cls"], tokens[:, 0])
    torch.testing.assert_close(made.taps(COLOURS[:2])["patches"], tokens[:, 1:].mean(1))


def test_a_layer_is_as_it_was_before_a_later_one_changed_it_in_place():
    net = Small().eval()
    made = foreign(net, Preprocessing(), COLOURS, layers=["conv"])
    with torch.no_grad():
        wanted = conv2d(COLOURS, net.conv.weight, net.conv.bias).mean((2, 3))
        torch.testing.assert_close(made.taps(COLOURS)["conv"], wanted)


def test_gray_scenes_are_three_equal_channels_and_batches_do_not_matter():
    net = Small().eval()
    whole = foreign(net, Preprocessing(), GRAY, batch=50).taps(GRAY)["h"]
    torch.testing.assert_close(whole, net(GRAY.repeat(1, 3, 1, 1)))
    torch.testing.assert_close(foreign(net, Preprocessing(), GRAY, batch=2).taps(GRAY)["h"], whole)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_half_precision_are_asked_in_theirs_and_answer_in_float32(dtype):
    made = foreign(Small().to(dtype).eval(), Preprocessing(), COLOURS, layers=["conv"])
    found = made.taps(COLOURS)
    assert {vectors.dtype for vectors in found.values()} == {torch.float32}
    torch.testing.assert_close(
        found["h"], made.model(COLOURS.to(dtype)).float(), atol=1e-2, rtol=1e-2
    )


# --- other libraries ---------------------------------------------------------------------------


def test_a_network_of_torchvision():
    models = pytest.importorskip("torchvision.models")
    net = models.resnet18(weights=None).eval()
    made = foreign(net, Preprocessing(), COLOURS, layers=["layer2", "avgpool"])
    assert made.layers == ("layer2", "avgpool", "h")
    with torch.no_grad():
        found = made.taps(COLOURS)
        torch.testing.assert_close(found["h"], net(COLOURS))
        torch.testing.assert_close(net.fc(found["avgpool"]), net(COLOURS))
    assert found["layer2"].shape == (5, 128)


def test_a_vision_transformer_of_torchvision_has_a_class_token():
    models = pytest.importorskip("torchvision.models")
    small = {"image_size": 32, "patch_size": 16, "num_layers": 1, "num_heads": 2}
    net = models.VisionTransformer(**small, hidden_dim=8, mlp_dim=8, num_classes=3).eval()
    made = foreign(net, Preprocessing(), COLOURS, layers=["encoder"])
    assert made.layers == ("encoder.cls", "encoder.patches", "h")
    with torch.no_grad():
        torch.testing.assert_close(net.heads(made.taps(COLOURS)["encoder.cls"]), net(COLOURS))


def test_networks_of_timm():
    timm = pytest.importorskip("timm", reason="timm is not installed (extra audit-test)")
    net = timm.create_model("resnet10t", pretrained=False, num_classes=0).eval()
    made = foreign(net, Preprocessing(), COLOURS, layers=["layer1"])
    with torch.no_grad():
        torch.testing.assert_close(made.taps(COLOURS)["h"], net(COLOURS))
        _, maps = net.forward_intermediates(COLOURS, indices=[1])  # of timm itself
        torch.testing.assert_close(made.taps(COLOURS)["layer1"], maps[0].mean((2, 3)))


def test_registers_of_a_vision_transformer_of_timm_are_no_patches():
    timm = pytest.importorskip("timm", reason="timm is not installed (extra audit-test)")
    small = {"img_size": 32, "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 2}
    net = timm.models.VisionTransformer(**small, reg_tokens=4, num_classes=0).eval()
    made = foreign(net, Preprocessing(), COLOURS, layers=["norm", "patch_embed"])
    assert leading_tokens(net) == net.num_prefix_tokens == 5
    assert made.layers == ("norm.cls", "norm.patches", "patch_embed.patches", "h")
    with torch.no_grad():
        tokens = net.forward_features(COLOURS)
    torch.testing.assert_close(made.taps(COLOURS)["norm.patches"], tokens[:, 5:].mean(1))
    torch.testing.assert_close(made.taps(COLOURS)["norm.cls"], tokens[:, 0])


def test_a_network_of_transformers_gives_its_class_token_and_its_patches():
    reason = "transformers is not installed (extra audit-test)"
    transformers = pytest.importorskip("transformers", reason=reason)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.Dinov2Config(**sizes, mlp_ratio=1, image_size=28, patch_size=14)
    net = transformers.Dinov2Model(config).eval()
    made = foreign(net, Preprocessing(size=28), COLOURS)
    assert made.layers == ("cls", "patches")
    with torch.no_grad():
        theirs = net(pixel_values=Preprocessing(size=28)(COLOURS)).last_hidden_state
    torch.testing.assert_close(made.taps(COLOURS)["cls"], theirs[:, 0])
    torch.testing.assert_close(made.taps(COLOURS)["patches"], theirs[:, 1:].mean(1))


# --- what cannot be ----------------------------------------------------------------------------


def test_a_vision_transformer_says_which_size_it_wants():
    timm = pytest.importorskip("timm", reason="timm is not installed (extra audit-test)")
    small = {"img_size": 224, "embed_dim": 12, "depth": 1, "num_heads": 2}
    net = timm.models.VisionTransformer(**small, num_classes=0).eval()
    with pytest.raises(UserError, match=r"\(5, 3, 64, 64\).*it takes 224 px: size=224"):
        foreign(net, Preprocessing(size=64), COLOURS)


@pytest.mark.parametrize(
    ("model", "layers", "told"),
    [
        (Small, (), "Small is a class"),
        ([1], (), "a list is no encoder"),
        (lambda x: x.mean((2, 3)), ["conv"], "no module, so it has no layer 'conv'"),
        (Small(), ["convv"], "did you mean 'conv'"),
        (Small(), ["cls"], "Small has no class token"),
        (lambda x: x.mean((1, 2, 3)), (), r"gives \(5,\)"),
        (lambda x: x.mean((2, 3))[:3], (), "gives 3 rows at h for 5 pictures"),
        (lambda x: "features", (), "gives str, and no tensor"),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, 4)), (), "it takes 28 px: size=28"),
    ],
)
def test_what_is_no_encoder_is_told(model, layers, told):
    with pytest.raises(UserError, match=told):
        foreign(model, Preprocessing(), COLOURS, layers=layers)


def test_a_network_of_one_channel_is_shown_gray_scenes_and_no_colours():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten())
    torch.testing.assert_close(foreign(net, Preprocessing(), GRAY).taps(GRAY)["h"], net(GRAY))
    with pytest.raises(UserError, match="takes pictures of 1 channel, and these scenes have 3"):
        foreign(net, Preprocessing(), COLOURS)


def test_it_leaves_the_mode_as_it_was():
    net = Small().eval()
    assert not Foreign(net, Preprocessing()).training
    assert Foreign(net.train(), Preprocessing()).training
