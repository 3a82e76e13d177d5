"""The shared presets on the graphics cards that people have, with networks of the sizes of the usual large models."""

import json

import pytest
import torch

from sjc_blender.engine.forecast import needs
from sjc_blender.engine.forecast.choice import choose_level
from sjc_blender.engine.forecast.free import Free
from sjc_blender.engine.forecast.main_memory import MainMemory
from sjc_blender.engine.forecast.weights import Network
from sjc_blender.protocol import presets
from sjc_blender.protocol.memory import card_bytes

GB = 10**9
CUDA = torch.device("cuda")
VAE = Network(int(0.33 * GB), 19_000_000, {"block_out_channels": [128, 256, 512, 512]})


def unet(weights, largest, side):
    return Network(int(weights * GB), largest, {"sample_size": side, "in_channels": 4, "block_out_channels": [320]})


def text(weights, largest):
    return Network(int(weights * GB), largest, {})


# In half precision, decoders in full.
MODELS = {
    "StableDiffusionPipeline": {"unet": unet(1.72, 30_000_000, 64), "text_encoder": text(0.25, 76_000_000), "vae": VAE},
    "StableDiffusionXLPipeline": {
        "unet": unet(5.14, 30_000_000, 128),
        "text_encoder": text(0.25, 76_000_000),
        "text_encoder_2": text(1.39, 126_000_000),
        "vae": VAE,
    },
}
SLOW = {"StableDiffusionPipeline": set(), "StableDiffusionXLPipeline": {"6GB"}}
"""Cards on which every layer waits in main memory until it runs."""


@pytest.mark.parametrize("card", ["6GB", "8GB", "12GB", "24GB"])
@pytest.mark.parametrize("pipeline", MODELS)
@pytest.mark.parametrize("preset", ["draft", "standard", "high"])
def test_a_preset_fits_on_a_card(preset, pipeline, card, tmp_path, monkeypatch):
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    monkeypatch.setattr(needs, "networks_of", lambda *_: MODELS[pipeline])
    spec = presets.new_job("a chair", preset=preset, model=str(tmp_path))
    needed = needs.needs_of(spec, CUDA)
    have = card_bytes(card) if card != "24GB" else 23 * GB
    plenty = Free(MainMemory(32 * GB, 32 * GB, 32 * GB), have, have, 100 * GB)
    level = choose_level(spec.model, needed, plenty, CUDA).level
    assert needed.graphics(level) <= have
    assert (level.offload == "sequential") == (card in SLOW[pipeline])
    if card == "24GB":
        assert level.offload == "none"
