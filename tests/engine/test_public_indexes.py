"""What public repositories say of themselves, scaled down: each loads right, or is refused in one sentence.

The table holds the classes that the model_index.json of these repositories on GitHub name (read in November 2026).
"""

import json
import shutil

import pytest
import torch
import transformers

from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.tiny_families import save_family
from tests.engine.tiny_pipeline import WORDS
from tests.engine.tiny_text_to_image import save_text_to_image

CLIP = {"text_encoder": "transformers CLIPTextModel", "tokenizer": "transformers CLIPTokenizer"}
SD = {**CLIP, "unet": "diffusers UNet2DConditionModel", "vae": "diffusers AutoencoderKL"}
OLD = {"feature_extractor": "transformers CLIPFeatureExtractor"}
CHECKED = {**OLD, "safety_checker": "stable_diffusion StableDiffusionSafetyChecker"}
DDIM = {"scheduler": "diffusers DDIMScheduler"}
FLOW = {"scheduler": "diffusers FlowMatchEulerDiscreteScheduler"}
DDPM = {"scheduler": "diffusers DDPMScheduler", "unet": "diffusers UNet2DModel"}
T5 = {"text_encoder": "transformers T5EncoderModel", "tokenizer": "transformers T5TokenizerFast"}
SD3 = {
    **FLOW,
    "text_encoder": "transformers CLIPTextModelWithProjection",
    "text_encoder_2": "transformers CLIPTextModelWithProjection",
    "text_encoder_3": "transformers T5EncoderModel",
    "tokenizer": "transformers CLIPTokenizer",
    "tokenizer_2": "transformers CLIPTokenizer",
    "tokenizer_3": "transformers T5TokenizerFast",
    "transformer": "diffusers SD3Transformer2DModel",
    "vae": "diffusers AutoencoderKL",
}
ONNX = {
    "text_encoder": "diffusers OnnxRuntimeModel",
    "tokenizer": "transformers CLIPTokenizer",
    "unet": "diffusers OnnxRuntimeModel",
    "vae_decoder": "diffusers OnnxRuntimeModel",
    "scheduler": "diffusers PNDMScheduler",
}
NOTHING = {part: [None, None] for part in ("feature_extractor", "image_encoder", "safety_checker")}
VISION = {"vision_encoder": "transformers CLIPVisionModelWithProjection"}

LOADS = {
    "jack-op11/stable-diffusion-2-1": ("stable_diffusion", "StableDiffusionPipeline", {**SD, **OLD, **DDIM}),
    "smbands/realistic-vision-v51": (
        "stable_diffusion",
        "StableDiffusionPipeline",
        {**SD, **CHECKED, "scheduler": "diffusers PNDMScheduler"},
    ),
    "RevL-Lambda-DevRel/Stable-Diffusion-3.5-Large": ("stable_diffusion_3", "StableDiffusion3Pipeline", SD3),
    "edkamesh/FluX-optimized": (
        "flux",
        "FluxPipeline",
        {
            **CLIP,
            **FLOW,
            "text_encoder_2": "transformers T5EncoderModel",
            "tokenizer_2": "transformers T5TokenizerFast",
            "transformer": "diffusers FluxTransformer2DModel",
            "vae": "diffusers AutoencoderKL",
        },
    ),
    "ZuxBabyWorld/fantassified_icons": (
        "stable_diffusion",
        "StableDiffusionPipeline",
        {**SD, **DDIM, **NOTHING, "requires_safety_checker": None, "_diffusers_version": "0.11.1"},
    ),
    "yanghaiqiong/The-Qing-Dynasty-Embroidery-Patterns": (
        "stable_diffusion_xl",
        "StableDiffusionXLPipeline",
        {
            **SD,
            **NOTHING,
            "_name_or_path": "stabilityai/stable-diffusion-xl-base-1.0",
            "force_zeros_for_empty_prompt": True,
            "scheduler": "diffusers EulerDiscreteScheduler",
            "text_encoder_2": "transformers CLIPTextModelWithProjection",
            "tokenizer_2": "transformers CLIPTokenizer",
        },
    ),
    "oss-roettger/T5-Textual-Inversion": (
        "deepfloyd_if",
        "IFPipeline",
        {
            **T5,
            "_ignore_files": ["pytorch_model.bin"],
            "feature_extractor": "transformers CLIPImageProcessor",
            "requires_safety_checker": False,
            "scheduler": "diffusers DDPMScheduler",
            "unet": "diffusers UNet2DConditionModel",
        },
    ),
    "khuongsatou/ddpm-butterflies-128": ("ddpm", "DDPMPipeline", DDPM),
    "logannye/DDPM-osteosarcoma-generation": ("ddpm", "DDPMPipeline", DDPM),
}
REFUSED = {
    "Bria-AI/BRIA-3.2": (
        "BriaPipeline",
        {**T5, **FLOW, "transformer": "transformer_bria BriaTransformer2DModel", "vae": "diffusers AutoencoderKL"},
        "its component 'transformer' is a transformer_bria.BriaTransformer2DModel",
    ),
    "TOOLS-droid724/Amazing-2.0": (
        "VedikaPipeline",
        {
            **FLOW,
            "text_encoder": "transformers Mistral3ForConditionalGeneration",
            "tokenizer": "transformers PixtralProcessor",
            "transformer": "diffusers Flux2Transformer2DModel",
            "vae": "diffusers AutoencoderKLFlux2",
        },
        "has no such pipeline",
    ),
    "Zumwaltboi68/Stable-Cascade": (
        "StableCascadeDecoderPipeline",
        {
            "decoder": "stable_cascade StableCascadeUnet",
            "scheduler": "diffusers DDPMWuerstchenScheduler",
            "text_encoder": "transformers CLIPTextModelWithProjection",
            "tokenizer": "transformers CLIPTokenizerFast",
            "vqgan": "wuerstchen PaellaVQModel",
        },
        "'StableCascadeDecoderPipeline'; supported:",
    ),
    "TiasheKnight/zero123": ("Zero123PlusPipeline", {**SD, **DDIM, **VISION}, "no such pipeline"),
    "yuanqi99/sd-image-variations-diffusers": (
        "StableDiffusionImageEmbedPipeline",
        {"image_encoder": "transformers CLIPModel", "unet": SD["unet"], "vae": SD["vae"], **DDIM},
        "'StableDiffusionImageEmbedPipeline'; supported:",
    ),
    "jack-op11/stable-diffusion-inpainting": ("OnnxStableDiffusionPipeline", {**ONNX, **DDIM}, "no such pipeline"),
    "wswplay/stable-diffusion-v1-4": ("StableDiffusionOnnxPipeline", ONNX, "cannot be used"),
    "Dia1Up/Meinamix-for-ONNX": ("OnnxStableDiffusionPipeline", ONNX, "no such pipeline"),
    "Abdualkader/Mutli-viewdiffusion": (["pipeline_mvdiffusion", "MVDiffusionPipeline"], {**SD, **DDIM}, "supported:"),
    "theonlyengine/text-to-video-ms-1.7b": (
        "TextToVideoMSPipeline",
        {**CLIP, **DDIM, "unet": "diffusers UNet3DConditionModel", "vae": "diffusers AutoencoderKL"},
        "'TextToVideoMSPipeline'; supported:",
    ),
    "rishipandey125/EasyAnimateV5.1-7b-zh-Control": (
        "EasyAnimateControlPipeline",
        {
            **FLOW,
            "text_encoder": "transformers Qwen2VLForConditionalGeneration",
            "tokenizer": "transformers Qwen2Tokenizer",
            "transformer": "diffusers EasyAnimateTransformer3DModel",
            "vae": "diffusers AutoencoderKLMagvit",
        },
        "supported:",
    ),
    "wmd-1/MiniMax-H3": (
        "MiniMaxH3ModularPipeline",
        {
            "text_encoder": "transformers Qwen3VLForConditionalGeneration",
            "tokenizer": "transformers Qwen2TokenizerFast",
            "transformer": "diffusers MiniMaxH3Transformer3DModel",
            "vae": "diffusers AutoencoderKLMiniMaxH3",
            "scheduler": "diffusers MiniMaxH3Scheduler",
        },
        "MiniMaxH3ModularPipeline",
    ),
    "Joey-Jang/StableMaterials": (["pipeline", "StableMaterialsPipeline"], {**SD, **DDIM, **VISION}, "supported:"),
    "xcController/Geowizard_hub": (
        "DepthNormalEstimationPipeline",
        {"unet": SD["unet"], "vae": SD["vae"], **DDIM, "image_encoder": "transformers CLIPVisionModelWithProjection"},
        "supported:",
    ),
    "dlwowlb/non-monotonous-music": (
        "StableAudioPipeline",
        {
            **T5,
            "projection_model": "stable_audio StableAudioProjectionModel",
            "scheduler": "diffusers CosineDPMSolverMultistepScheduler",
            "transformer": "diffusers StableAudioDiTModel",
            "vae": "diffusers AutoencoderOobleck",
        },
        "'StableAudioPipeline'; supported:",
    ),
    "prodogape/ComfyUI-SD3-Medium-CN-Diffusers": (
        "StableDiffusion3Pipeline",
        {**SD3, "transformer": "diffusers_sd3_control SD3Transformer2DModel"},
        "code of its own (diffusers_sd3_control)",
    ),
    "anyway-ai/interactdiff-diffusers": (
        ["pipeline_stable_diffusion_interactdiffusion", "StableDiffusionInteractDiffusionPipeline"],
        {**SD, **DDIM, "unet": "interactdiffusion_unet_2d_condition InteractDiffusionUNet2DConditionModel"},
        "supported:",
    ),
}


pytestmark = pytest.mark.usefixtures("small_samples")


def write_index(folder, cls, parts):
    named = {part: names.split() for part, names in parts.items() if isinstance(names, str) and " " in names}
    (folder / "model_index.json").write_text(json.dumps({"_class_name": cls, **parts, **named}))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    made = {}

    def save(family):
        if family not in made:
            place = tmp_path_factory.mktemp("public") / family
            made[family] = save_text_to_image(family, place) if family == "flux" else save_family(family, place)
        return made[family]

    return save


@pytest.mark.parametrize("repository", LOADS)
def test_a_public_index_loads_right(saved, repository):
    family, cls, parts = LOADS[repository]
    folder = saved(family)
    write_index(folder, cls, parts)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((f"\u2581{word}", -1.0) for word in WORDS)]
    for part in (part for part, names in parts.items() if str(names).endswith("T5TokenizerFast")):
        shutil.rmtree(folder / part)
        transformers.T5TokenizerFast(vocab=pieces, extra_ids=0).save_pretrained(folder / part)
    model = load_score_model(ModelSpec(str(folder), device="cpu"))
    condition = Condition(model.encode(["a red chair"])) if model.conditional else Condition()
    side = 8 if family != "ddpm" else model.sample_size
    assert torch.isfinite(model.denoise(torch.randn(1, model.channels, side, side), 500, condition)).all()


@pytest.mark.parametrize("repository", REFUSED)
def test_a_public_index_is_refused_in_one_sentence_with_the_nearest_way_on(tmp_path, repository):
    cls, parts, told = REFUSED[repository]
    write_index(tmp_path, cls, parts)
    for part in parts:
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text('{"_class_name": "X"}')
        (tmp_path / part / "scheduler_config.json").write_text('{"_class_name": "X"}')
        (tmp_path / part / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(SjcError) as caught:
        load_score_model(ModelSpec(str(tmp_path), device="cpu"))
    assert caught.value.code == "unsupported_pipeline"
    assert told in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
