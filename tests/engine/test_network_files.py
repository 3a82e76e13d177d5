"""A denoising network in a file, with the rest of its model in the folder beside it, is the model as a whole folder."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from sjc_blender.engine.forecast.weights import networks_of
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_families import family_of
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.own_sampler import SIDE

WEIGHTS = "diffusion_pytorch_model.safetensors"


pytestmark = pytest.mark.usefixtures("small_samples")


def parted(folder, place, *, prefix="", rename=lambda tensors: tensors):
    """The same model with its network in a file; its tensors may have the names of another program."""
    shutil.copytree(folder, place / "model")
    weights = place / "model" / "transformer" / WEIGHTS
    tensors = rename(load_file(weights))
    weights.unlink()
    beside = ("text_encoders.", "vae.")
    named = {name if name.startswith(beside) else prefix + name: tensor for name, tensor in tensors.items()}
    save_file(named, place / "model.safetensors")
    return place / "model.safetensors"


def fused(tensors):
    """Z-Image's, with the names that its authors gave them."""
    made = {}
    for name, tensor in tensors.items():
        if ".to_q." in name:
            three = [tensors[name.replace(".to_q.", f".to_{part}.")] for part in "qkv"]
            made[name.replace(".to_q.", ".qkv.")] = torch.cat(three)
        elif ".to_k." not in name and ".to_v." not in name:
            plain = name.replace(".to_out.0.", ".out.").replace(".norm_q.", ".q_norm.").replace(".norm_k.", ".k_norm.")
            for one, other in (("all_final_layer.2-1.", "final_layer."), ("all_x_embedder.2-1.", "x_embedder.")):
                plain = plain.replace(one, other)
            made[plain] = tensor
    return made


def with_the_rest(tensors):
    """All in one file, as ComfyUI's are: text encoders and a decoder beside the network."""
    return {**tensors, "text_encoders.clip_l.a": torch.ones(2), "vae.decoder.a": torch.ones(2)}


@pytest.mark.parametrize(
    ("family", "prefix", "rename"),
    [
        ("stable_diffusion_3", "", lambda tensors: tensors),
        ("flux", "", lambda tensors: tensors),
        ("qwen_image", "model.diffusion_model.", lambda tensors: tensors),
        ("z_image", "model.diffusion_model.", fused),
        ("flux", "model.diffusion_model.", with_the_rest),
        ("aura_flow", "model.", with_the_rest),
        ("lumina_2", "model.diffusion_model.", with_the_rest),
        ("sana", "", lambda tensors: tensors),
        ("chroma", "diffusion_model.", lambda tensors: tensors),
    ],
)
def test_it_denoises_as_the_whole_folder_does(whole, tmp_path, family, prefix, rename):
    file = parted(whole(family), tmp_path, prefix=prefix, rename=rename)
    assert family_of(file) == family_of(whole(family))
    plain, model = (load_score_model(ModelSpec(str(path), device="cpu")) for path in (whole(family), file))
    z = torch.randn(1, model.channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    answers = [one.denoise(z, 500, Condition(one.encode(["a red chair"]))) for one in (plain, model)]
    torch.testing.assert_close(answers[1], answers[0], atol=1e-6, rtol=1e-5)
    one, other = (networks_of(path, family_of(path), torch.float32) for path in (whole(family), file))
    assert {name: part.weights for name, part in one.items()} == {name: part.weights for name, part in other.items()}


def test_plain_floats_of_eight_bits_are_read(whole, tmp_path):
    folder = whole("flux")
    file = parted(folder, tmp_path, rename=lambda tensors: {n: t.to(torch.float8_e4m3fn) for n, t in tensors.items()})
    plain = shutil.copytree(folder, tmp_path / "plain")
    save_file({n: t.float() for n, t in load_file(file).items()}, plain / "transformer" / WEIGHTS)
    z = torch.randn(1, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    models = [load_score_model(ModelSpec(str(path), device="cpu")) for path in (plain, file)]
    answers = [one.denoise(z, 500, Condition(one.encode(["a red chair"]))) for one in models]
    torch.testing.assert_close(answers[1], answers[0], atol=1e-6, rtol=1e-5)


def test_the_network_of_another_member_of_the_family_is_refused(whole, tmp_path):
    """FLUX.1 [dev] beside the folder of [schnell], which is not told the guidance; and other sizes."""
    file = parted(whole("flux"), tmp_path)
    config = tmp_path / "model" / "transformer" / "config.json"
    told = json.loads(config.read_text())
    config.write_text(json.dumps({**told, "guidance_embeds": False}))
    refused(file, "broken_model", "has more than is told there")
    config.write_text(json.dumps({**told, "num_single_layers": 2}))
    refused(file, "broken_model", "it lacks")
    config.write_text(json.dumps({**told, "joint_attention_dim": 48}))
    refused(file, "broken_model", "other sizes")
    config.write_text(json.dumps(told))
    load_score_model(ModelSpec(str(file), device="cpu"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "FLUX"),
        ("double_stream_modulation_img.lin.weight", "FLUX.2"),
        ("transformer_blocks.0.attn.add_k_proj.weight", "Stable Diffusion 3"),
        ("model.double_layers.0.attn.w1q.weight", "AuraFlow"),
        ("model.diffusion_model.noise_refiner.0.attention.qkv.weight", "Lumina Image 2.0 or Z-Image"),
        ("attention_y_norm.weight", "SANA"),
        ("model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight", "Stable Diffusion 3"),
        ("distilled_guidance_layer.in_proj.weight", "Chroma"),
        ("double_stream_blocks.0.block.ff_i.weight", "HiDream-I1"),
        ("cap_embedder.1.weight", "Lumina Image 2.0 or Z-Image"),
        ("txt_norm.weight", "Qwen-Image"),
        ("y_embedder.y_proj.fc1.weight", "PixArt"),
    ],
)
def test_a_network_without_the_rest_of_its_model_is_told_by_its_names(tmp_path, name, kind):
    file = tmp_path / "alone.safetensors"
    save_file({name: torch.zeros(2, 2)}, file)
    error = refused(file, "unsupported_file", f"of the kind {kind}, whose text encoders and settings are elsewhere")
    assert str(tmp_path / "alone") in error.hint


def test_a_lora_is_not_taken_for_the_network_that_it_is_for(tmp_path):
    file = tmp_path / "lora.safetensors"
    save_file({"double_blocks.0.img_attn.qkv.lora_A.weight": torch.zeros(2, 2)}, file)
    assert "LoRAs" in refused(file, "unsupported_file", "not a full checkpoint").message


def refused(file, code, words):
    with pytest.raises(SjcError) as caught:
        load_score_model(ModelSpec(str(file), device="cpu"))
    assert caught.value.code == code and words in caught.value.message + caught.value.hint
    return caught.value


def test_what_is_missing_is_named(whole, tmp_path):
    file = parted(whole("qwen_image"), tmp_path, prefix="diffusion_model.")
    alone = tmp_path / "alone.safetensors"
    shutil.copy(file, alone)
    assert "text encoders and settings are elsewhere" in refused(alone, "unsupported_file", "Qwen-Image").message
    tensors = load_file(file)
    first = next(iter(tensors))
    save_file({name: tensor for name, tensor in tensors.items() if name != first}, file)
    refused(file, "broken_model", "it lacks")
    save_file(tensors, file)
    (tmp_path / "model" / "transformer" / "config.json").unlink()
    refused(file, "missing_configuration", "transformer")


def test_a_class_of_which_no_files_are_read_is_named(whole, tmp_path):
    refused(parted(whole("pixart_sigma"), tmp_path), "unsupported_file", "PixArtTransformer2DModel")


@pytest.mark.parametrize(
    "more",
    [
        {"scaled_fp8": torch.zeros(1)},
        {"x_embedder.scale_weight": torch.ones(1)},
        {"x_embedder.weight.absmax": torch.ones(4)},
        {"x_embedder.qweight": torch.ones(4, 4, dtype=torch.int32)},
        {"x_embedder.packed": torch.ones(4, 4, dtype=torch.uint8)},
    ],
    ids=lambda more: next(iter(more)),
)
def test_quantised_weights_are_refused(whole, tmp_path, more):
    file = parted(whole("flux"), tmp_path)
    save_file({**load_file(file), **more}, file)
    refused(file, "unsupported_file", "quantised")


def test_a_network_of_custom_code_is_not_loaded(whole, tmp_path):
    file = parted(whole("flux"), tmp_path)
    index = tmp_path / "model" / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "transformer": ["transformer", "Own"]}))
    refused(file, "unsupported_pipeline", "code of its own")
