"""The strength of a LoRA in each layer, by value, in every format; what is not read is refused by its name."""

import json

import pytest
import torch
from safetensors.torch import save_file

from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import Adapter, ModelSpec
from tests.engine.tiny_families import save_family

BLOCK = "down_blocks.1.attentions.0.transformer_blocks.0."
LAYERS = {
    BLOCK + "attn1.to_q": 1,
    BLOCK + "attn1.to_k": 2,
    BLOCK + "attn2.to_k": 4,
    BLOCK + "attn2.to_v": 4,
    "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0": 3,
}
"""Ranks."""
ALPHAS = dict(zip(LAYERS, (2.0, 1.0, 8.0, 4.0, 1.5), strict=True))
STRENGTH = 0.75


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = save_family("stable_diffusion", tmp_path_factory.mktemp("family") / "sd")
    return folder, load(folder)


def load(folder, *adapters):
    return load_score_model(ModelSpec(str(folder), device="cpu", adapters=adapters))._pipeline


def pairs(pipeline):
    generator = torch.Generator().manual_seed(0)
    made = {}
    for layer, rank in LAYERS.items():
        out, width = pipeline.unet.get_submodule(layer).weight.shape
        made[layer] = torch.randn(rank, width, generator=generator), torch.randn(out, rank, generator=generator)
    return made


def peft_names(made, prefix):
    return {
        f"{prefix}{layer}.lora_{name}.weight": tensor
        for layer, pair in made.items()
        for name, tensor in zip("AB", pair, strict=True)
    }


def kohya(made, alphas):
    tensors = {}
    for layer, (down, up) in made.items():
        name = "lora_unet_" + layer.replace(".", "_")
        tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        if layer in alphas:
            tensors[f"{name}.alpha"] = torch.tensor(alphas[layer])
    return tensors


def write(format, made, folder):
    """Save the pairs; gives the file, and what alpha / rank has to be by layer."""
    file, ones = folder / "style.safetensors", dict.fromkeys(LAYERS, 1.0)
    by_alpha = {layer: ALPHAS[layer] / rank for layer, rank in LAYERS.items()}
    config = {"r": 4, "lora_alpha": 6, "alpha_pattern": {BLOCK + "attn1.to_q": 3}}
    by_config = {layer: (3 if layer.endswith("attn1.to_q") else 6) / rank for layer, rank in LAYERS.items()}
    match format:
        case "diffusers":
            save_file(peft_names(made, "unet."), file)
            return file, ones
        case "diffusers with a header":
            told = {f"unet.{key}": value for key, value in config.items()}
            save_file(peft_names(made, "unet."), file, {"lora_adapter_metadata": json.dumps(told)})
            return file, by_config
        case "old diffusers":
            tensors = {}
            for layer, (down, up) in made.items():
                tensors |= {f"unet.{layer}.lora.down.weight": down, f"unet.{layer}.lora.up.weight": up}
            save_file(tensors, file)
            return file, ones
        case "kohya":
            save_file(kohya(made, ALPHAS), file)
            return file, by_alpha
        case "kohya without alphas":
            save_file(kohya(made, {}), file)
            return file, ones
        case "kohya with one alpha":
            save_file(kohya(made, dict.fromkeys(LAYERS, 4.0)), file)
            return file, {layer: 4.0 / rank for layer, rank in LAYERS.items()}
        case "kohya with some alphas":
            some = {BLOCK + "attn1.to_q": 2.0}
            save_file(kohya(made, some), file)
            return file, ones | some
        case "PEFT":
            file = folder / "adapter_model.safetensors"
            save_file(peft_names(made, "base_model.model."), file)
            (folder / "adapter_config.json").write_text(json.dumps(config))
            return file, by_config
        case "PEFT, rank-stabilised":
            file = folder / "adapter_model.safetensors"
            save_file(peft_names(made, "base_model.model."), file)
            (folder / "adapter_config.json").write_text(json.dumps({"lora_alpha": 6, "use_rslora": True}))
            return file, {layer: 6 / rank**0.5 for layer, rank in LAYERS.items()}
    raise AssertionError(format)


@pytest.mark.parametrize(
    "format",
    [
        "diffusers",
        "diffusers with a header",
        "old diffusers",
        "kohya",
        "kohya without alphas",
        "kohya with one alpha",
        "kohya with some alphas",
        "PEFT",
        "PEFT, rank-stabilised",
    ],
)
def test_every_layer_gets_the_strength_that_its_file_says(plain, tmp_path, format):
    folder, before = plain
    made = pairs(before)
    file, scales = write(format, made, tmp_path)
    after = load(folder, Adapter(str(file), STRENGTH))
    weights = dict(before.unet.named_parameters())
    for name, weight in after.unet.named_parameters():
        layer = name.removesuffix(".weight")
        expected = weights[name]
        if layer in made:
            down, up = made[layer]
            expected = expected + STRENGTH * scales[layer] * up @ down
        torch.testing.assert_close(weight, expected, msg=f"{format}: {name}")


def test_two_loras_of_other_ranks_add_up(plain, tmp_path):
    folder, before = plain
    made = pairs(before)
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    save_file(kohya(made, ALPHAS), first)
    layer = BLOCK + "attn2.to_k"
    save_file(peft_names({layer: made[layer]}, "unet."), second)
    after = load(folder, Adapter(str(first), 0.5), Adapter(str(second), -2.0))
    down, up = made[layer]
    change = (0.5 * ALPHAS[layer] / LAYERS[layer] - 2.0) * up @ down
    torch.testing.assert_close(after.unet.get_submodule(layer).weight, before.unet.get_submodule(layer).weight + change)


def test_a_convolutions_lora_is_right_by_value_or_refused(plain, tmp_path):
    folder, before = plain
    layer = "down_blocks.0.resnets.0.conv1"
    weight = before.unet.get_submodule(layer).weight
    down, up = torch.randn(2, *weight.shape[1:]), torch.randn(weight.shape[0], 2, 1, 1)
    tensors = {f"unet.{layer}.lora_A.weight": down, f"unet.{layer}.lora_B.weight": up}
    save_file(tensors, tmp_path / "locon.safetensors")
    after = load(folder, Adapter(str(tmp_path / "locon.safetensors"), STRENGTH))
    change = torch.einsum("or,rikl->oikl", up[:, :, 0, 0], down)
    torch.testing.assert_close(after.unet.get_submodule(layer).weight, weight + STRENGTH * change)


NAME = "lora_unet_" + (BLOCK + "attn2.to_k").replace(".", "_")


@pytest.mark.parametrize(
    ("format", "extra"),
    [
        ("DoRA", f"{NAME}.dora_scale"),
        ("DoRA", f"unet.{BLOCK}attn2.to_k.lora_magnitude_vector.weight"),
        ("LoHa", f"{NAME}.hada_w1_a"),
        ("LoKr", f"{NAME}.lokr_w1"),
        ("Tucker", f"{NAME}.lora_mid.weight"),
        ("OFT", f"{NAME}.oft_blocks"),
        ("whole differences", f"{NAME}.diff"),
        ("lora_up.bias", f"{NAME}.lora_up.bias"),
        ("nobody_knows", f"{NAME}.nobody_knows"),
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_other_formats_are_refused_by_name(plain, tmp_path, format, extra, beside):
    folder, before = plain
    made = {BLOCK + "attn2.to_k": pairs(before)[BLOCK + "attn2.to_k"]} if beside else {}
    save_file(kohya(made, {}) | {extra: torch.ones(2, 2), extra + "_b": torch.ones(2)}, tmp_path / "x.safetensors")
    with pytest.raises(SjcError, match=format) as caught:
        load(folder, Adapter(str(tmp_path / "x.safetensors")))
    assert caught.value.code == "unsupported_adapter"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, "adapter_config.json that tells its strength is not beside it"),
        ({"r": 4}, "adapter_config.json that tells its strength is not beside it"),
        ({"lora_alpha": 6, "use_dora": True}, "DoRA"),
        ({"lora_alpha": 6, "init_lora_weights": "pissa_niter_16"}, "pissa_niter_16"),
        ({"lora_alpha": 6, "init_lora_weights": "olora"}, "olora"),
        ({"lora_alpha": 6, "alpha_pattern": {"attn[12].to_q": 3}}, "pattern"),
    ],
)
def test_pefts_files_say_how_strong_they_are(plain, tmp_path, config, words):
    folder, before = plain
    save_file(peft_names(pairs(before), "base_model.model."), tmp_path / "renamed.safetensors")
    if config is not None:
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(SjcError, match=words) as caught:
        load(folder, Adapter(str(tmp_path / "renamed.safetensors")))
    assert caught.value.code == "unsupported_adapter"


def test_a_renamed_file_of_pefts_has_the_strength_of_its_configuration(plain, tmp_path):
    folder, before = plain
    made = {BLOCK + "attn2.to_k": pairs(before)[BLOCK + "attn2.to_k"]}
    save_file(peft_names(made, "base_model.model."), tmp_path / "renamed.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"lora_alpha": 6, "init_lora_weights": "gaussian"}))
    after = load(folder, Adapter(str(tmp_path / "renamed.safetensors"), 1.0))
    ((layer, (down, up)),) = made.items()
    change = 6 / len(down) * up @ down
    torch.testing.assert_close(after.unet.get_submodule(layer).weight, before.unet.get_submodule(layer).weight + change)


@pytest.mark.parametrize("again", ["unet.{}.lora_A.default.weight", "lora_unet_{}.lora_down.weight"])
def test_a_layer_that_is_there_twice_is_refused(plain, tmp_path, again):
    folder, before = plain
    layer = BLOCK + "attn2.to_k"
    made = {layer: pairs(before)[layer]}
    down, up = made[layer]
    named = again.format(layer.replace(".", "_") if "lora_unet" in again else layer)
    second = {named: down + 1, named.replace("lora_A", "lora_B").replace("lora_down", "lora_up"): up.clone()}
    save_file(peft_names(made, "unet.") | second, tmp_path / "twice.safetensors")
    with pytest.raises(SjcError, match=r"twice|two names") as caught:
        load(folder, Adapter(str(tmp_path / "twice.safetensors")))
    assert caught.value.code == "adapter_mismatch"


def test_a_lora_of_which_a_layer_is_not_in_the_model_is_refused(plain, tmp_path):
    folder, before = plain
    tensors = peft_names(pairs(before), "unet.")
    tensors |= peft_names({"down_blocks.7.attn.to_q": (torch.ones(2, 16), torch.ones(16, 2))}, "unet.")
    save_file(tensors, tmp_path / "more.safetensors")
    with pytest.raises(SjcError, match="1 of its 6 layers") as caught:
        load(folder, Adapter(str(tmp_path / "more.safetensors")))
    assert caught.value.code == "adapter_mismatch"
