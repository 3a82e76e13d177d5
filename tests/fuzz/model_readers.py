"""Readers of models: their profiles, indexes, configurations and headers, and the adapters on top of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from safetensors.torch import save

from sjc_blender.engine.forecast.weights import networks_of
from sjc_blender.engine.score_models.camera_projection import load_projection
from sjc_blender.engine.score_models.class_names import names_from_config
from sjc_blender.engine.score_models.control import locate_control, pixels_per_sample
from sjc_blender.engine.score_models.fine_tuning import apply_adapters
from sjc_blender.engine.score_models.gguf_file import gguf_state, gguf_tensors
from sjc_blender.engine.score_models.ip_adapter import locate_ip_adapter
from sjc_blender.engine.score_models.multi_view_unet import stock_configuration
from sjc_blender.engine.score_models.single_file import configuration_of
from sjc_blender.protocol.distillation import distillation_of
from sjc_blender.protocol.model_families import BUILTIN, family_of, json_object
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.reference_views import read_reference_views
from sjc_blender.protocol.spec import Adapter
from tests.engine.tiny_gguf import KIND, save_gguf
from tests.fuzz.reader import Reader, as_json, at, scratch_folder

INDEX = BUILTIN.joinpath("model_index.json").read_bytes()
POSE = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 4.0], [0.0, 0.0, 0.0, 1.0]]
CAMERA = {"name": "a", "pose": POSE, "window": [-0.3, 0.3, -0.3, 0.3]}
ORIGINAL = ("model.diffusion_model.input_blocks.0.0.weight", "cond_stage_model.a", "first_stage_model.a")
MVDREAM = {
    "_class_name": "MultiViewUNetModel",
    "attention_resolutions": [4, 2, 1],
    "camera_dim": 16,
    "channel_mult": [1, 2, 4, 4],
    "context_dim": 1024,
    "image_size": 32,
    "in_channels": 4,
    "model_channels": 320,
    "num_head_channels": 64,
    "num_res_blocks": 2,
    "out_channels": 4,
    "transformer_depth": 1,
}
NO_ADAPTER = b'\0\0\1\0\0\0\0\0{"":{"":"","":[],"":[0,0]}}'
"""What fuzzing found: a header that is read here, and not by safetensors."""

LORA = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_"


def _profile(root: Path) -> object:
    profile = load_profile(str(root))
    if profile.views is not None:
        profile.views.prompts("a red chair", 10.0, 20.0)
        profile.views.all_prompts("x")
    if profile.vocabulary is not None:
        profile.vocabulary.refusal("a red chair")
        profile.vocabulary.completed("red chair")
    return profile


def _in_a_model(*parts: str, example: bytes = b"") -> Reader:
    """Make a reader of one file of a model's folder, whose others are the built-in model's."""
    root = scratch_folder() / "model"
    shutil.copytree(BUILTIN, root)
    path = root.joinpath(*parts)

    def read(content: bytes) -> object:
        path.write_bytes(content)
        family = family_of(root)
        distillation_of("auto", "a", root)
        names = json_object(root / "model_index.json").get("id2label", {})
        return family and networks_of(root, family, torch.float32), names_from_config(names, 10)

    # The second is looked for among diffusers' classes, whose import is not to count for an input.
    first = example or path.read_bytes()
    examples = dict.fromkeys((first, first.replace(b"StableDiffusionPipeline", b"StableDifusionPipeline")))
    return Reader(f"{path.name} of {path.parent.name}", read, tuple(examples))


def _single_file(root: Path) -> object:
    file = root / "model.safetensors"
    return family_of(file), configuration_of(file)


def _gguf(root: Path) -> object:
    file = root / "model.gguf"
    told = gguf_tensors(file)
    gguf_state(file)
    return told, configuration_of(file)


def _gguf_example() -> bytes:
    """Two tensors, one of them quantised, as the format's own library writes them."""
    file = scratch_folder() / "a.gguf"
    numbers = {"double_blocks.0.a": np.ones((2, 32), np.float32), "b": np.ones(3, np.float32)}
    return save_gguf(file, {name: torch.from_numpy(one) for name, one in numbers.items()}, KIND.Q8_0).read_bytes()


def _control(root: Path) -> object:
    (root / "diffusion_pytorch_model.safetensors").write_bytes(save({"a": torch.zeros(2)}))
    locate_control(str(root))
    return pixels_per_sample(json_object(root / "config.json"))


def _multi_view(root: Path) -> object:
    file = root / "config.json"
    return stock_configuration(json_object(file), file)


def _adapter(root: Path) -> object:
    """What a LoRA or an embedding says, on a pipeline that has nothing to add it to."""
    pipeline = SimpleNamespace(
        components={},
        load_textual_inversion=lambda *_, **__: None,
        tokenizer=object(),
        text_encoder=object(),
    )
    return apply_adapters(pipeline, [Adapter(str(root / "adapter.safetensors"), 1.0)])


def _ip_adapter(root: Path) -> object:
    return locate_ip_adapter(str(root / "ip-adapter.safetensors"))


def model_readers(held: bytes) -> list[Reader]:
    """Give them; `held` is some file of tensors."""
    told = {"lora_adapter_metadata": as_json({"unet.r": 4, "unet.lora_alpha": 6}).decode()}
    lora = {f"{LORA}A.weight": torch.zeros(2, 4), f"{LORA}B.weight": torch.zeros(4, 2)}
    return [
        Reader("sjc.json", at("sjc.json")(_profile), (BUILTIN.joinpath("sjc.json").read_bytes(),)),
        _in_a_model("model_index.json"),
        _in_a_model("unet", "config.json"),
        _in_a_model("scheduler", "scheduler_config.json"),
        _in_a_model("unet", "diffusion_pytorch_model.safetensors", example=save({"conv_in.weight": torch.zeros(2, 2)})),
        Reader(
            "a single file's header",
            at("model.safetensors")(_single_file),
            (held, save({name: torch.zeros(1, 4) for name in ORIGINAL}), save({ORIGINAL[0]: torch.zeros(())})),
        ),
        Reader("a GGUF file", at("model.gguf")(_gguf), (_gguf_example(),)),
        Reader(
            "a ControlNet's configuration",
            at("config.json")(_control),
            (as_json({"_class_name": "ControlNetModel", "conditioning_embedding_out_channels": [16, 32]}),),
        ),
        Reader("config.json of MVDream's unet", at("config.json")(_multi_view), (as_json(MVDREAM),)),
        Reader(
            "a camera's layer",
            at("diffusion_pytorch_model.safetensors")(lambda root: load_projection(root, 2, 3, torch.float32)),
            (save({"proj.weight": torch.zeros(2, 7), "proj.bias": torch.zeros(2)}), held),
        ),
        Reader(
            "an adapter",
            at("adapter.safetensors")(_adapter),
            (save(lora, told), save(lora | {"alpha": torch.zeros(())}), save({"<a>": torch.zeros(2, 4)}), NO_ADAPTER),
        ),
        Reader(
            "an IP-Adapter",
            at("ip-adapter.safetensors")(_ip_adapter),
            (save({name: torch.zeros(4, 2) for name in ("image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight")}),),
        ),
        Reader(
            "reference_views.json",
            at("reference_views.json")(read_reference_views),
            (as_json({"version": 1, "views": [{"image": "a.png", "camera": CAMERA}]}),),
        ),
    ]
