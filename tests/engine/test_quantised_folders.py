"""Folders of quantised weights are refused by what their configuration or the names of their tensors say."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import ModelMixin
from safetensors.torch import load_file, save_file

from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.tiny_text_to_image import save_text_to_image

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def flux(tmp_path_factory):
    return save_text_to_image("flux", tmp_path_factory.mktemp("whole") / "flux")


@pytest.fixture
def folder(flux, tmp_path, monkeypatch):
    """A copy that a test may spoil; nothing of it may be loaded."""
    loaded = []
    monkeypatch.setattr(ModelMixin, "from_pretrained", classmethod(lambda *_, **__: loaded.append(1)))
    yield Path(shutil.copytree(flux, tmp_path / "model"))
    assert not loaded


def refusal(folder):
    with pytest.raises(SjcError, match="quantised") as caught:
        load_score_model(ModelSpec(str(folder), device="cpu"))
    assert str(folder) in caught.value.message
    assert ".gguf" in caught.value.hint
    return caught.value


METHODS = {
    "bitsandbytes": {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "gguf": {"quant_method": "gguf", "compute_dtype": "bfloat16"},
    "torchao": {"quant_method": "torchao", "quant_type": {"default": {"_type": "Int8WeightOnlyConfig", "_data": {}}}},
    "quanto": {"quant_method": "quanto", "weights_dtype": "float8"},
    "modelopt": {"quant_method": "modelopt", "quant_type": "NVFP4"},
    "sdnq": {"quant_method": "sdnq", "weights_dtype": "int8"},
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("component", ["transformer", "text_encoder_2"])
def test_a_configuration_names_the_method(folder, component, method):
    config = folder / component / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "quantization_config": METHODS[method]}))
    assert repr(method) in refusal(folder).message


@pytest.mark.parametrize(
    "told",
    [
        {"text_config": {"quantization_config": {"quant_method": "awq"}}},
        {"compression_config": {"format": "int-quantized"}},
        {"quantization_config": "anything"},
    ],
)
def test_it_may_be_told_of_a_part_or_in_another_form(folder, told):
    config = folder / "text_encoder" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **told}))
    refusal(folder)


F8 = torch.zeros(2, 2, dtype=torch.float8_e4m3fn)


@pytest.mark.parametrize(
    "more",
    [
        {"x.weight.absmax": torch.ones(4)},
        {"x.weight": F8, "x.scale_weight": torch.ones(1)},
        {"x.weight": F8, "x.weight_scale_inv": torch.ones(1)},
        {"x.weight._data": F8, "x.weight._scale": torch.ones(2)},
        {"x.weight:_weight_qdata": F8, "x.weight:_weight_other": torch.ones(2)},
        {"x.weight": torch.ones(2, 2, dtype=torch.int8)},
        {"x.qweight": torch.ones(2, 2, dtype=torch.int32), "x.wscales": torch.ones(2)},
        {"x.weight_quantizer._amax": torch.ones(2)},
    ],
    ids=lambda more: next(reversed(more)),
)
def test_tensors_tell_where_the_configuration_does_not(folder, more):
    weights = folder / "transformer" / WEIGHTS
    save_file({**load_file(weights), **more}, weights)
    refusal(folder)
