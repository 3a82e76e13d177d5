"""LoRAs of the families that one adapter runs: the strength in each layer by value, in every format that is read."""

import json

import diffusers
import pytest
import torch
from safetensors.torch import save_file

from sjc_blender.engine.score_models.fine_tuning import apply_adapters
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import Adapter
from sjc_blender.protocol.text_to_image import BY_NAME
from tests.engine.tiny_text_to_image import FAMILIES, _awake, save_text_to_image

STRENGTH = -0.75


@pytest.fixture(scope="module")
def pipeline_of(tmp_path_factory):
    """`pipeline_of(family)`: a tiny pipeline with random weights, made once; every test puts them back."""
    made = {}

    def make(name):
        if name not in made:
            folder = save_text_to_image(name, tmp_path_factory.mktemp("tiny") / name)
            made[name] = getattr(diffusers, BY_NAME[name].pipeline).from_pretrained(folder)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                _awake(denoiser(made[name]))
        return made[name]

    return make


def denoiser(pipeline):
    return getattr(pipeline, "transformer", None) or pipeline.unet


def some_layers(pipeline):
    """Four linear layers, and a rank for each."""
    names = [path for path, layer in denoiser(pipeline).named_modules() if isinstance(layer, torch.nn.Linear)]
    return dict(zip(names[:: max(1, len(names) // 4)], (1, 2, 3, 5), strict=False))


def pairs(shapes):
    """Matrices by layer, of (outputs, inputs, rank) by layer."""
    generator = torch.Generator().manual_seed(1)
    return {
        layer: (torch.randn(rank, inputs, generator=generator), torch.randn(outputs, rank, generator=generator))
        for layer, (outputs, inputs, rank) in shapes.items()
    }


def changes_of(pipeline, *adapters):
    """How much each weight of the denoiser has changed, where it has; the weights are as before after that."""
    network = denoiser(pipeline)
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    try:
        apply_adapters(pipeline, adapters)
        changes = {name: weight.detach() - before[name] for name, weight in network.named_parameters()}
        return {name.removesuffix(".weight"): change for name, change in changes.items() if change.any()}
    finally:
        with torch.no_grad():
            for name, weight in network.named_parameters():
                weight.copy_(before[name])


def same_changes(found, expected):
    assert found.keys() == expected.keys()
    for layer, change in expected.items():
        torch.testing.assert_close(found[layer], STRENGTH * change, atol=1e-5, rtol=1e-4, msg=layer)


def write(format, made, folder, network):
    """Save pairs; the file, and alpha / rank by layer."""
    file, alphas = folder / "style.safetensors", {layer: 2.0 + index for index, layer in enumerate(made)}
    by_alpha = {layer: alphas[layer] / len(made[layer][0]) for layer in made}
    tensors = {}
    match format:
        case "diffusers":
            for layer, (down, up) in made.items():
                tensors |= {f"{network}.{layer}.lora_A.weight": down, f"{network}.{layer}.lora_B.weight": up}
            save_file(tensors, file)
            return file, dict.fromkeys(made, 1.0)
        case "PEFT":
            file = folder / "adapter_model.safetensors"
            for layer, (down, up) in made.items():
                tensors |= {
                    f"base_model.model.{layer}.lora_{name}.weight": t for name, t in zip("AB", (down, up), strict=True)
                }
            save_file(tensors, file)
            config = {"r": 3, "lora_alpha": 6, "alpha_pattern": {next(iter(made)): 2}}
            (folder / "adapter_config.json").write_text(json.dumps(config))
            return file, {layer: (6 if index else 2) / len(made[layer][0]) for index, layer in enumerate(made)}
        case "kohya":
            for layer, (down, up) in made.items():
                name = "lora_unet_" + layer.replace(".", "_")
                tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
                tensors[f"{name}.alpha"] = torch.tensor(alphas[layer])
            save_file(tensors, file)
            return file, by_alpha
        case "ComfyUI":
            for layer, (down, up) in made.items():
                name = f"diffusion_model.{layer}"
                tensors |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
                tensors[f"{name}.alpha"] = torch.tensor(alphas[layer])
            save_file(tensors, file)
            return file, by_alpha
    raise AssertionError(format)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_gets_the_strength_that_its_file_says(pipeline_of, tmp_path, family):
    pipeline = pipeline_of(family)
    network = "transformer" if hasattr(pipeline, "transformer") else "unet"
    layers = some_layers(pipeline)
    weights = {layer: denoiser(pipeline).get_submodule(layer).weight for layer in layers}
    made = pairs({layer: (*weights[layer].shape, rank) for layer, rank in layers.items()})
    assert len(made) == 4
    for format in ("diffusers", "PEFT", "kohya", "ComfyUI"):
        folder = tmp_path / format
        folder.mkdir()
        file, scales = write(format, made, folder, network)
        expected = {layer: scales[layer] * up @ down for layer, (down, up) in made.items()}
        same_changes(changes_of(pipeline, Adapter(str(file), STRENGTH)), expected)


def original(made, alphas, *, kohya):
    tensors = {}
    for layer, (down, up) in made.items():
        name = "lora_unet_" + layer.replace(".", "_") if kohya else f"diffusion_model.{layer}"
        one, other = ("lora_down", "lora_up") if kohya else ("lora_A", "lora_B")
        tensors |= {f"{name}.{one}.weight": down, f"{name}.{other}.weight": up}
        tensors[f"{name}.alpha"] = torch.tensor(alphas[layer])
    return tensors


@pytest.mark.parametrize(
    ("family", "kohya", "layers"),
    [
        (
            "flux",
            True,
            {
                "double_blocks.0.img_attn.qkv": ("transformer_blocks.0.attn.to_q", "…to_k", "…to_v"),
                "double_blocks.0.txt_attn.qkv": (
                    "transformer_blocks.0.attn.add_q_proj",
                    "…add_k_proj",
                    "…add_v_proj",
                ),
                "double_blocks.0.img_attn.proj": ("transformer_blocks.0.attn.to_out.0",),
                "double_blocks.0.img_mlp.0": ("transformer_blocks.0.ff.net.0.proj",),
            },
        ),
        (
            "z_image",
            True,
            {
                "layers.0.attention.qkv": ("layers.0.attention.to_q", "…to_k", "…to_v"),
                "layers.0.feed_forward.w1": ("layers.0.feed_forward.w1",),
            },
        ),
        (
            "flux_2_klein",
            False,
            {
                "double_blocks.0.img_attn.qkv": ("transformer_blocks.0.attn.to_q", "…to_k", "…to_v"),
                "single_blocks.0.linear1": ("single_transformer_blocks.0.attn.to_qkv_mlp_proj",),
            },
        ),
    ],
)
def test_layers_that_another_program_has_as_one_are_split_by_value(pipeline_of, tmp_path, family, kohya, layers):
    pipeline = pipeline_of(family)
    shapes, targets = {}, {}
    # Ranks of 3: one of two that diffusers would take for three apart if the rest of the first were empty.
    for rank, (layer, names) in zip((3, 6, 2, 4), layers.items(), strict=False):
        above = names[0].rpartition(".")[0]
        targets[layer] = [name.replace("…", above + ".") for name in names]
        weights = [denoiser(pipeline).get_submodule(name).weight for name in targets[layer]]
        shapes[layer] = sum(len(weight) for weight in weights), weights[0].shape[1], rank
    made = pairs(shapes)
    alphas = {layer: 1.5 + index for index, layer in enumerate(made)}
    save_file(original(made, alphas, kohya=kohya), tmp_path / "style.safetensors")
    expected = {}
    for layer, (down, up) in made.items():
        change = alphas[layer] / len(down) * up @ down
        names = targets[layer]
        sizes = [len(denoiser(pipeline).get_submodule(name).weight) for name in names]
        expected |= dict(zip(names, change.split(sizes), strict=True))
    same_changes(changes_of(pipeline, Adapter(str(tmp_path / "style.safetensors"), STRENGTH)), expected)


def test_a_layer_that_is_split_at_another_place_is_refused(pipeline_of, tmp_path):
    """Diffusers splits Lumina 2's at the sizes of the full model: a tiny one's cannot be, and is not silently less."""
    pipeline = pipeline_of("lumina_2")
    made = pairs({"layers.0.attention.qkv": (48, 16, 2)})
    save_file(original(made, {"layers.0.attention.qkv": 2.0}, kohya=False), tmp_path / "style.safetensors")
    refused(pipeline, tmp_path / "style.safetensors", "adapter_mismatch", "does not fit")


def refused(pipeline, file, code, words):
    before = {name: weight.clone() for name, weight in denoiser(pipeline).named_parameters()}
    with pytest.raises(SjcError, match=words) as caught:
        apply_adapters(pipeline, [Adapter(str(file))])
    assert caught.value.code == code
    assert all(torch.equal(weight, before[name]) for name, weight in denoiser(pipeline).named_parameters())


@pytest.mark.parametrize(
    ("shape", "words"),
    [((16, 32), "the model's"), ((32, 16), "the model's")],
)
def test_a_layer_of_another_size_is_refused(pipeline_of, tmp_path, shape, words):
    """Diffusers would make FLUX's network larger to fit."""
    pipeline = pipeline_of("flux")
    layer = "x_embedder"
    weight = denoiser(pipeline).get_submodule(layer).weight
    made = pairs({layer: (weight.shape[0] + shape[0] - 16, weight.shape[1] + shape[1] - 16, 2)})
    down, up = made[layer]
    save_file(
        {f"transformer.{layer}.lora_A.weight": down, f"transformer.{layer}.lora_B.weight": up},
        tmp_path / "style.safetensors",
    )
    refused(pipeline, tmp_path / "style.safetensors", "adapter_mismatch", words)


def test_what_diffusers_would_leave_out_is_refused(pipeline_of, tmp_path):
    pipeline = pipeline_of("flux")
    made = pairs({"double_blocks.0.img_attn.proj": (32, 32, 2), "double_blocks.40.img_attn.proj": (32, 32, 2)})
    save_file(original(made, dict.fromkeys(made, 2.0), kohya=True), tmp_path / "style.safetensors")
    refused(pipeline, tmp_path / "style.safetensors", "adapter_mismatch", "does not fit the model")


@pytest.mark.parametrize(("family", "name"), [("flux", "a DoRA"), ("z_image", "a LoKr"), ("flux_2_klein", "a LoHa")])
def test_formats_that_are_not_read_are_refused_by_name(pipeline_of, tmp_path, family, name):
    part = {"a DoRA": "dora_scale", "a LoKr": "lokr_w1", "a LoHa": "hada_w1_a"}[name]
    tensors = {f"diffusion_model.layers.0.{part}": torch.ones(2, 2)}
    save_file(tensors, tmp_path / "style.safetensors")
    refused(pipeline_of(family), tmp_path / "style.safetensors", "unsupported_adapter", name)


def test_a_text_encoders_layers_are_known_by_the_names_of_all_formats(pipeline_of, tmp_path):
    pipeline = pipeline_of("flux")
    encoder = pipeline.text_encoder
    path, layer = next((p, m) for p, m in encoder.named_modules() if p.endswith("self_attn.q_proj"))
    bare = path.removeprefix("text_model.")
    weight = layer.weight.detach().clone()
    ((down, up),) = pairs({path: (*weight.shape, 2)}).values()
    old = bare.replace("q_proj", "to_q_lora")
    flat = bare.replace(".", "_")
    for name in (
        {f"text_encoder.{bare}.lora_A.weight": down, f"text_encoder.{bare}.lora_B.weight": up},
        {f"text_encoder.text_model.{bare}.lora_A.weight": down, f"text_encoder.text_model.{bare}.lora_B.weight": up},
        {f"text_encoder.text_model.{old}.down.weight": down, f"text_encoder.text_model.{old}.up.weight": up},
        {f"lora_te1_text_model_{flat}.lora_down.weight": down, f"lora_te1_text_model_{flat}.lora_up.weight": up},
    ):
        save_file(name, tmp_path / "style.safetensors")
        try:
            apply_adapters(pipeline, [Adapter(str(tmp_path / "style.safetensors"), 0.5)])
            torch.testing.assert_close(layer.weight.detach(), weight + 0.5 * up @ down)
        finally:
            with torch.no_grad():
                layer.weight.copy_(weight)
