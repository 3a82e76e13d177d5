"""LoRAs and embeddings of new words: what they change, by hand, and what is refused."""

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import Adapter, ModelSpec
from tests.engine.tiny_families import save_family

LAYER = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
RANK, ALPHA = 2, 4.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = {}

    def make(family):
        if family not in made:
            made[family] = save_family(family, tmp_path_factory.mktemp("family") / family)
        return made[family]

    return make


def load(source, *adapters):
    return load_score_model(ModelSpec(str(source), device="cpu", adapters=tuple(adapters)))


def error_of(source, *adapters):
    with pytest.raises(SjcError) as error:
        load(source, *adapters)
    return error.value


def lora_tensors(width, out=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(RANK, width, generator=generator), torch.randn(out, RANK, generator=generator)


def save_lora(file, width=16, seed=0):
    """As diffusers' training scripts save one."""
    down, up = lora_tensors(width, seed=seed)
    save_file({f"unet.{LAYER}.lora_A.weight": down, f"unet.{LAYER}.lora_B.weight": up}, file)
    return up @ down


def save_kohya_lora(file, width=16):
    """As kohya's scripts save one, the most common kind, with a scale of its own."""
    down, up = lora_tensors(width)
    name = "lora_unet_" + LAYER.replace(".", "_")
    tensors = {"lora_down.weight": down, "lora_up.weight": up, "alpha": torch.tensor(ALPHA)}
    save_file({f"{name}.{key}": tensor for key, tensor in tensors.items()}, file)
    return up @ down * ALPHA / RANK


def weight_of(model):
    return model._pipeline.unet.get_submodule(LAYER).weight


@pytest.mark.parametrize(("save", "weight"), [(save_lora, 1.0), (save_lora, -0.5), (save_kohya_lora, 0.75)])
def test_a_lora_is_added_to_the_weights_by_its_strength(folder, tmp_path, save, weight):
    change = save(tmp_path / "style.safetensors")
    plain = load(folder("stable_diffusion"))
    changed = load(folder("stable_diffusion"), Adapter(str(tmp_path / "style.safetensors"), weight))
    torch.testing.assert_close(weight_of(changed), weight_of(plain) + weight * change)
    z, condition = torch.ones(1, 4, 8, 8), Condition(plain.encode(["a red chair"]))
    assert (changed.denoise(z, 500, condition) - plain.denoise(z, 500, condition)).abs().max() > 1e-4


def test_several_loras_add_up(folder, tmp_path):
    changes = [save_lora(tmp_path / f"{seed}.safetensors", seed=seed) for seed in (1, 2)]
    adapters = [Adapter(str(tmp_path / f"{seed}.safetensors"), weight) for seed, weight in ((1, 0.5), (2, 2.0))]
    expected = weight_of(load(folder("stable_diffusion"))) + 0.5 * changes[0] + 2.0 * changes[1]
    torch.testing.assert_close(weight_of(load(folder("stable_diffusion"), *adapters)), expected)


@pytest.mark.parametrize(
    ("family", "network", "layer"),
    [
        ("stable_diffusion_xl", "unet", LAYER),
        ("deepfloyd_if", "unet", LAYER),
        ("stable_diffusion_3", "transformer", "transformer_blocks.0.attn.to_q"),
    ],
)
def test_every_family_of_text_takes_loras(folder, tmp_path, family, network, layer):
    plain = getattr(load(folder(family))._pipeline, network).get_submodule(layer).weight
    down, up = lora_tensors(plain.shape[1], plain.shape[0])
    save_file(
        {f"{network}.{layer}.lora_A.weight": down, f"{network}.{layer}.lora_B.weight": up}, tmp_path / "l.safetensors"
    )
    changed = load(folder(family), Adapter(str(tmp_path / "l.safetensors"), 0.5))
    torch.testing.assert_close(getattr(changed._pipeline, network).get_submodule(layer).weight, plain + 0.5 * up @ down)
    assert torch.isfinite(changed.encode(["a red chair"])).all()


def test_a_lora_of_another_family_is_refused(folder, tmp_path):
    save_lora(tmp_path / "xl.safetensors", width=32)
    error = error_of(folder("stable_diffusion"), Adapter(str(tmp_path / "xl.safetensors")))
    assert error.code == "adapter_mismatch"
    assert "xl.safetensors" in error.message


def test_a_lora_of_layers_that_are_not_there_is_refused(folder, tmp_path):
    save_file({"transformer.blocks.0.lora_A.weight": torch.zeros(2, 4)}, tmp_path / "other.safetensors")
    error = error_of(folder("stable_diffusion"), Adapter(str(tmp_path / "other.safetensors")))
    assert error.code == "adapter_mismatch"


def test_a_family_without_text_takes_no_lora(folder, tmp_path):
    save_lora(tmp_path / "style.safetensors")
    error = error_of(folder("ddpm"), Adapter(str(tmp_path / "style.safetensors")))
    assert error.code == "unsupported_adapter"
    assert "DDPMPipeline" in error.message


def embedding_by_hand(source, text, word, vectors):
    """The embedding of a text with a new word of one vector, as diffusers' own loading gives it."""
    pipeline = StableDiffusionPipeline.from_pretrained(source, safety_checker=None, feature_extractor=None)
    pipeline.load_textual_inversion({word: vectors}, token=word)
    with torch.no_grad():
        return pipeline.encode_prompt(text, "cpu", 1, False)[0]


@pytest.mark.parametrize("count", [1, 3])
def test_a_new_word_is_known_by_its_tensors_name_or_its_files(folder, tmp_path, count):
    source, vectors = folder("stable_diffusion"), torch.randn(count, 16)
    expected = embedding_by_hand(source, "a red <cat-toy>", "<cat-toy>", vectors)
    save_file({"<cat-toy>": vectors}, tmp_path / "learned_embeds.safetensors")
    save_file({"emb_params": vectors}, tmp_path / "cattoy.safetensors")
    by_tensor = load(source, Adapter(str(tmp_path / "learned_embeds.safetensors")))
    by_file = load(source, Adapter(str(tmp_path / "cattoy.safetensors")))
    torch.testing.assert_close(by_tensor.encode(["a red <cat-toy>"]), expected)
    torch.testing.assert_close(by_file.encode(["a red cattoy"]), expected)
    assert not torch.equal(load(source).encode(["a red <cat-toy>"]), expected)


def test_a_new_word_of_sdxl_is_known_to_both_encoders(folder, tmp_path):
    source = folder("stable_diffusion_xl")
    tensors = {"clip_l": torch.randn(2, 16), "clip_g": torch.randn(2, 24)}
    save_file(tensors, tmp_path / "cattoy.safetensors")
    model = load(source, Adapter(str(tmp_path / "cattoy.safetensors")))
    pipeline = StableDiffusionXLPipeline.from_pretrained(source, add_watermarker=False)
    pipeline.load_textual_inversion(
        {"cattoy": tensors["clip_l"]}, "cattoy", tokenizer=pipeline.tokenizer, text_encoder=pipeline.text_encoder
    )
    pipeline.load_textual_inversion(
        {"cattoy": tensors["clip_g"]}, "cattoy", tokenizer=pipeline.tokenizer_2, text_encoder=pipeline.text_encoder_2
    )
    with torch.no_grad():
        tokens, _, pooled, _ = pipeline.encode_prompt("a red cattoy", do_classifier_free_guidance=False)
    torch.testing.assert_close(model.encode(["a red cattoy"]), torch.cat([tokens.flatten(1), pooled], dim=1))


def test_an_embedding_of_another_width_or_number_of_encoders_is_refused(folder, tmp_path):
    save_file({"<word>": torch.zeros(1, 24)}, tmp_path / "wide.safetensors")
    save_file({"clip_l": torch.zeros(1, 16), "clip_g": torch.zeros(1, 16)}, tmp_path / "two.safetensors")
    for file in ("wide", "two"):
        error = error_of(folder("stable_diffusion"), Adapter(str(tmp_path / f"{file}.safetensors")))
        assert error.code == "adapter_mismatch", file
    assert error_of(folder("deepfloyd_if"), Adapter(str(tmp_path / "wide.safetensors"))).code == "unsupported_adapter"


def test_other_files_are_refused_unread(folder, tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was loaded",))

    torch.save({"lora": Trap()}, tmp_path / "lora.pt")
    (tmp_path / "text.safetensors").write_text("no tensors")
    save_file({"a": torch.zeros(1), "b": torch.zeros(1)}, tmp_path / "vae.safetensors")
    source = folder("stable_diffusion")
    codes = {
        "lora.pt": "pickled_weights",
        "gone.safetensors": "unknown_adapter",
        "text.safetensors": "unsupported_adapter",
        "vae.safetensors": "unsupported_adapter",
    }
    for name, code in codes.items():
        assert error_of(source, Adapter(str(tmp_path / name))).code == code, name


def test_a_dreambooth_folder_is_a_model_like_any_other(folder, tmp_path):
    """Such a folder is the model it was made of with other weights in the U-Net."""
    pipeline = StableDiffusionPipeline.from_pretrained(
        folder("stable_diffusion"), safety_checker=None, feature_extractor=None
    )
    with torch.no_grad():
        pipeline.unet.get_submodule(LAYER).weight.add_(1.0)
    pipeline.save_pretrained(tmp_path / "dreambooth")
    difference = weight_of(load(tmp_path / "dreambooth")) - weight_of(load(folder("stable_diffusion")))
    torch.testing.assert_close(difference, torch.ones_like(difference))
    assert load_file(tmp_path / "dreambooth" / "unet" / "diffusion_pytorch_model.safetensors")
