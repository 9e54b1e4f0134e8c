"""Our scenes in stable-pretraining: a probe a factor, while a network is trained there."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

import suppression as sup
from suppression.losses import nt_xent
from suppression.models import ResNet

SCENES = sup.datasets.TwoDigits(canvas=16, size1=5, size2=14)


def as_dict(batch):
    x1, x2, factors = batch
    return {"x1": x1, "x2": x2, **factors}


@pytest.mark.filterwarnings("ignore")
def test_an_online_probe_is_asked_for_each_factor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it writes logs where it is run, and into a cache
    monkeypatch.setenv("SPT_CACHE_DIR", str(tmp_path / "cache"))
    lightning = pytest.importorskip("lightning", reason="stable-pretraining, no extra of ours")
    torchmetrics = pytest.importorskip("torchmetrics", reason="stable-pretraining brings it")
    spt = pytest.importorskip("stable_pretraining", reason="stable-pretraining, no extra of ours")

    def forward(self, batch, stage):
        h = self.backbone(batch["x1"])
        return {"embedding": h, "loss": nt_xent(h, self.backbone(batch["x2"]), tau=0.2)}

    module = spt.Module(
        backbone=ResNet(width=2, stem=1, channels=1),
        forward=forward,
        optim={"optimizer": {"type": "AdamW", "lr": 1e-3}},
    )
    probes = {}
    for name in SCENES.features:
        probes[name] = spt.callbacks.OnlineProbe(
            module,
            name=name,
            input="embedding",
            target=name,
            probe=torch.nn.Linear(16, 10),
            loss=torch.nn.CrossEntropyLoss(),
            metrics={"accuracy": torchmetrics.classification.MulticlassAccuracy(10)},
        )
    batches = sup.datasets.stream(SCENES, batch=16, steps=3)
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        callbacks=list(probes.values()),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    before = {name: value.clone() for name, value in module.backbone.state_dict().items()}
    trainer.fit(module, DataLoader(batches, batch_size=None, collate_fn=as_dict))
    assert trainer.global_step > 0
    for name in SCENES.features:
        assert float(trainer.callback_metrics[f"train/{name}_loss"]) == pytest.approx(2.3, abs=0.7)
    after = module.backbone.state_dict()
    assert not torch.equal(before["conv1.weight"], after["conv1.weight"])
    rows = sup.evaluate(module.backbone, SCENES, train=60, test=30)
    assert {row["feature"] for row in rows} == set(SCENES.features)
