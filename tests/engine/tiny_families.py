"""A pipeline folder of every family with random weights, small enough to make in a test, saved by diffusers itself."""

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    IFPipeline,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionImageVariationPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    UNet2DModel,
)
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

from tests.engine.tiny_pipeline import MAX_TOKENS, WORDS, save_tiny_pipeline, tiny_tokenizer

PIXELS = 16
LATENTS = 8
CLASSES = {"0": "chair, seat", "1": "duck"}


def save_family(name: str, folder: Path) -> Path:
    """Save a model of the family: 3 x 16 x 16 pixels, or 4 (SD3: 16) x 8 x 8 latents of 16 x 16 images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        MAKERS[name](folder)
    return folder


def _stable_diffusion_xl(folder):
    tokenizer = tiny_tokenizer()
    unet = UNet2DConditionModel(
        **_unet_options(),
        sample_size=LATENTS,
        in_channels=4,
        out_channels=4,
        cross_attention_dim=16 + 24,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=24 + 6 * 8,
    )
    StableDiffusionXLPipeline(
        vae=_vae(4),
        text_encoder=_clip(CLIPTextModel),
        text_encoder_2=_clip(CLIPTextModelWithProjection, 24),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(**_STABLE_DIFFUSION),
    ).save_pretrained(folder)


def _stable_diffusion_3(folder, t5=True):
    tokenizer = tiny_tokenizer()
    transformer = SD3Transformer2DModel(
        sample_size=LATENTS,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        caption_projection_dim=16,
        pooled_projection_dim=32,
        pos_embed_max_size=16,
    )
    StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_vae(16, scaling_factor=1.5305, shift_factor=0.0609),
        text_encoder=_clip(CLIPTextModelWithProjection),
        tokenizer=tokenizer,
        text_encoder_2=_clip(CLIPTextModelWithProjection),
        tokenizer_2=tokenizer,
        text_encoder_3=_t5() if t5 else None,
        tokenizer_3=_t5_tokenizer() if t5 else None,
    ).save_pretrained(folder)


def _deepfloyd_if(folder):
    unet = UNet2DConditionModel(
        **_unet_options(), sample_size=PIXELS, in_channels=3, out_channels=6, cross_attention_dim=32
    )
    IFPipeline(
        tokenizer=_t5_tokenizer(),
        text_encoder=_t5(),
        unet=unet,
        scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2", variance_type="learned_range", clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def _dit(folder):
    transformer = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,
        num_layers=1,
        norm_num_groups=4,
        attention_bias=True,
        sample_size=LATENTS,
        num_embeds_ada_norm=2,
    )
    # Such networks begin as the zero function.
    torch.nn.init.normal_(transformer.proj_out_2.weight, std=0.1)
    DiTPipeline(transformer, _vae(4), DDIMScheduler(beta_schedule="linear"), id2label=CLASSES).save_pretrained(folder)
    _add_to_index(folder, id2label=CLASSES)


def _ddpm(folder):
    DDPMPipeline(_unet(), DDPMScheduler(beta_schedule="linear")).save_pretrained(folder)


def _ddpm_classes(folder):
    DDPMPipeline(_unet(num_class_embeds=3), DDPMScheduler(beta_schedule="linear")).save_pretrained(folder)
    _add_to_index(folder, id2label=CLASSES)


def _score_sde_ve(folder):
    from diffusers import ScoreSdeVePipeline, ScoreSdeVeScheduler

    unet = _unet(time_embedding_type="fourier")
    ScoreSdeVePipeline(unet, ScoreSdeVeScheduler(sigma_min=0.01, sigma_max=348.0)).save_pretrained(folder)


def _mvdream(folder):
    """As ashawkey/mvdream-sd2.1-diffusers: a U-Net under its original names, told a camera, in a class of its own."""
    from tests.engine.original_format import renamed_unet

    save_tiny_pipeline(folder, text_in_time=False)
    channels = (32, 64)
    unet = UNet2DConditionModel(
        **_unet_options() | {"block_out_channels": channels, "norm_num_groups": 32, "attention_head_dim": (1, 2)},
        sample_size=LATENTS,
        in_channels=4,
        out_channels=4,
        cross_attention_dim=16,
        use_linear_projection=True,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=16,
    )
    weights = {renamed_unet(name): tensor.contiguous() for name, tensor in unet.state_dict().items()}
    place = folder / "unet"
    for file in place.iterdir():
        file.unlink()
    save_file(weights, place / "diffusion_pytorch_model.safetensors")
    (place / "mv_unet.py").write_text("raise SystemExit('the code of a model was run')")
    config = {
        "_class_name": "MultiViewUNetModel",
        "_diffusers_version": "0.25.0",
        "attention_resolutions": [2],
        "camera_dim": 16,
        "channel_mult": [1, 2],
        "context_dim": 16,
        "image_size": LATENTS,
        "in_channels": 4,
        "model_channels": channels[0],
        "num_head_channels": 32,
        "num_res_blocks": 1,
        "out_channels": 4,
        "transformer_depth": 1,
    }
    (place / "config.json").write_text(json.dumps(config))
    absent = {"feature_extractor": [None, None], "image_encoder": [None, None]}
    _add_to_index(folder, _class_name="MVDreamPipeline", unet=["mv_unet", "MultiViewUNetModel"], **absent)


def _zero123(folder):
    """As bennyguo/zero123-xl-diffusers: 8 channels into the U-Net, and a layer for cameras of a class of its own."""
    unet = UNet2DConditionModel(
        **_unet_options(), sample_size=LATENTS, in_channels=8, out_channels=4, cross_attention_dim=16
    )
    encoder = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=12,
            patch_size=4, projection_dim=16,
        )
    )  # fmt: skip
    StableDiffusionImageVariationPipeline(
        vae=_vae(4),
        image_encoder=encoder,
        unet=unet,
        scheduler=DDIMScheduler(**_STABLE_DIFFUSION),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    place = folder / "clip_camera_projection"
    place.mkdir()
    save_file(
        {"proj.weight": 0.3 * torch.randn(16, 20), "proj.bias": 0.3 * torch.randn(16)},
        place / "diffusion_pytorch_model.safetensors",
    )
    (place / "config.json").write_text(
        json.dumps({"_class_name": "CLIPCameraProjection", "additional_embeddings": 4, "embedding_dim": 16})
    )
    (place / "zero123.py").write_text("raise SystemExit('the code of a model was run')")
    projection = ["zero123", "CLIPCameraProjection"]
    _add_to_index(folder, _class_name="Zero123Pipeline", clip_camera_projection=projection)


MAKERS = {
    "stable_diffusion": lambda folder: save_tiny_pipeline(folder, text_in_time=False),
    "stable_diffusion_xl": _stable_diffusion_xl,
    "mvdream": _mvdream,
    "zero123": _zero123,
    "stable_diffusion_3": _stable_diffusion_3,
    "stable_diffusion_3 without T5": lambda folder: _stable_diffusion_3(folder, t5=False),
    "deepfloyd_if": _deepfloyd_if,
    "dit": _dit,
    "ddpm": _ddpm,
    "ddpm_classes": _ddpm_classes,
    "score_sde_ve": _score_sde_ve,
}
FAMILIES = list(MAKERS)

_STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def _unet_options():
    return {
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "norm_num_groups": 4,
        "attention_head_dim": 2,
    }


def _unet(**options):
    return UNet2DModel(
        sample_size=PIXELS,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
        attention_head_dim=4,
        **options,
    )


def _vae(channels, down=2, **options):
    return AutoencoderKL(
        sample_size=PIXELS,
        latent_channels=channels,
        block_out_channels=(8,) * down,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * down,
        up_block_types=("UpDecoderBlock2D",) * down,
        norm_num_groups=4,
        mid_block_add_attention=False,
        **options,
    )


def _clip(kind, width=16, positions=MAX_TOKENS):
    return kind(
        CLIPTextConfig(
            vocab_size=len(tiny_tokenizer()),
            hidden_size=width,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=positions,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
            projection_dim=width,
        )
    )


def _t5():
    config = {"vocab_size": len(WORDS) + 3, "d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    return T5EncoderModel(T5Config(**config))


def _t5_tokenizer():
    vocab = {word: index for index, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=MAX_TOKENS
    )


def _add_to_index(folder, **entries):
    file = folder / "model_index.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))
