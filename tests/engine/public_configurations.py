"""How well-known models are configured, as tiny folders of random weights.

Classes and schedules are those of the models' own ``model_index.json`` and ``scheduler_config.json``.
"""

import json
from pathlib import Path

from tests.engine.tiny_families import save_family

_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "trained_betas": None}
_USUAL = {"num_train_timesteps": 1000, "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1, **_BETAS}
_CHECKER = {
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "feature_extractor": ["transformers", "CLIPFeatureExtractor"],
}

USABLE = {
    "Stable Diffusion 1.4": {
        "family": "stable_diffusion",
        "index": _CHECKER,
        # Of before there was a choice: epsilon is not named.
        "scheduler": {"_class_name": "PNDMScheduler", "skip_prk_steps": True, **_USUAL},
        "is": ("epsilon", 1000, 0.0292, 14.61, False, ""),
    },
    "Stable Diffusion 1.5": {
        "family": "stable_diffusion",
        "index": _CHECKER | {"requires_safety_checker": True},
        "scheduler": {"_class_name": "PNDMScheduler", "prediction_type": "epsilon", "skip_prk_steps": True, **_USUAL},
        "is": ("epsilon", 1000, 0.0292, 14.61, False, ""),
    },
    "Stable Diffusion 2.1": {
        "family": "stable_diffusion",
        "index": {"scheduler": ["diffusers", "DDIMScheduler"]},
        # A release of the model names the class of another library.
        "scheduler": {"_class_name": "FlaxDDIMScheduler", "prediction_type": "v_prediction", **_USUAL},
        "is": ("v_prediction", 1000, 0.0292, 14.61, False, ""),
    },
    "Stable Diffusion 2 base": {
        "family": "stable_diffusion",
        "index": {"scheduler": ["diffusers", "PNDMScheduler"]},
        "scheduler": {"_class_name": "PNDMScheduler", "prediction_type": "epsilon", **_USUAL},
        "is": ("epsilon", 1000, 0.0292, 14.61, False, ""),
    },
    "a fine-tuning of 2.1 with a zero ratio": {
        "family": "stable_diffusion",
        "index": {"scheduler": ["diffusers", "DDIMScheduler"]},
        "scheduler": {
            "_class_name": "DDIMScheduler", "prediction_type": "v_prediction", "rescale_betas_zero_snr": True,
            "timestep_spacing": "trailing", **_USUAL,
        },
        "is": ("v_prediction", 999, 0.0292, 2254, True, ""),
    },
    "SD-Turbo": {
        "family": "stable_diffusion",
        "index": {"scheduler": ["diffusers", "EulerDiscreteScheduler"], "_name_or_path": "stabilityai/sd-turbo"},
        "scheduler": {
            "_class_name": "EulerDiscreteScheduler", "prediction_type": "epsilon",
            "timestep_spacing": "trailing", **_USUAL,
        },
        "is": ("epsilon", 1000, 0.0292, 14.61, False, "turbo"),
    },
    "LCM Dreamshaper": {
        "family": "stable_diffusion",
        "index": {"scheduler": ["diffusers", "LCMScheduler"]},
        "scheduler": {
            "_class_name": "LCMScheduler", "prediction_type": "epsilon", "original_inference_steps": 50, **_USUAL
        },
        "is": ("epsilon", 1000, 0.0292, 14.61, False, "lcm"),
    },
    "MVDream": {
        "family": "mvdream",
        "index": {"scheduler": ["diffusers", "DDIMScheduler"]},
        "scheduler": {"_class_name": "DDIMScheduler", "prediction_type": "epsilon", **_USUAL},
        "is": ("epsilon", 1000, 0.0292, 14.61, False, ""),
    },
    "Stable Diffusion XL": {
        "family": "stable_diffusion_xl",
        "index": {"scheduler": ["diffusers", "EulerDiscreteScheduler"], "force_zeros_for_empty_prompt": True},
        "scheduler": {
            "_class_name": "EulerDiscreteScheduler", "prediction_type": "epsilon", "interpolation_type": "linear",
            "use_karras_sigmas": False, "sample_max_value": 1.0, **_USUAL,
        },
        "is": ("epsilon", 1000, 0.0292, 14.61, False, ""),
    },
    "Stable Diffusion 3": {
        "family": "stable_diffusion_3",
        "index": {},
        "scheduler": {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0},
        "is": ("flow", 999, 0.001001, 999, False, ""),
    },
    "DeepFloyd IF": {
        "family": "deepfloyd_if",
        "index": {
            "scheduler": ["diffusers", "DDPMScheduler"], "watermarker": ["deepfloyd_if", "IFWatermarker"],
            "safety_checker": ["deepfloyd_if", "IFSafetyChecker"],
        },
        "scheduler": {
            "_class_name": "DDPMScheduler", "beta_schedule": "squaredcos_cap_v2", "beta_start": 0.0001,
            "beta_end": 0.02, "dynamic_thresholding_ratio": 0.95, "thresholding": True,
            "variance_type": "learned_range", "prediction_type": "epsilon", "num_train_timesteps": 1000,
            "trained_betas": None,
        },
        "is": ("epsilon", 1000, 0.00642, 20290, False, ""),
    },
    "DiT XL": {
        "family": "dit",
        "index": {"scheduler": ["diffusers", "DDIMScheduler"]},
        "scheduler": {
            "_class_name": "DDIMScheduler", "beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02,
            "num_train_timesteps": 1000, "prediction_type": "epsilon", "clip_sample": False, "trained_betas": None,
        },
        "is": ("epsilon", 1000, 0.01, 157.4, False, ""),
    },
    "DDPM butterflies": {
        "family": "ddpm",
        "index": {},
        "scheduler": {
            "_class_name": "DDPMScheduler", "beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02,
            "num_train_timesteps": 1000, "prediction_type": "epsilon", "clip_sample": True,
            "variance_type": "fixed_small",
        },
        "is": ("epsilon", 1000, 0.01, 157.4, False, ""),
    },
}  # fmt: skip
"""By name: of which family, what its index and its scheduler say, and what it is: prediction, length and ends of the
table of noise levels, zero terminal signal-to-noise ratio, distillation."""

REFUSED = {
    "Stable Diffusion inpainting": ({"_class_name": "StableDiffusionInpaintPipeline"}, "changes a given picture"),
    "the refiner of XL": ({"_class_name": "StableDiffusionXLImg2ImgPipeline"}, "changes a given picture"),
    "image variations": ({"_class_name": "StableDiffusionImageEmbedPipeline"}, "given picture"),
    "Zero123++": ({"_class_name": "Zero123PlusPipeline"}, "several views"),
    "ImageDream": ({"_class_name": "ImageDreamPipeline"}, "several views"),
}
"""By name: what its index says, and a word of what to do instead."""


def save_public(name: str, folder: Path) -> Path:
    """Save a tiny model that is configured as a well-known one."""
    if name in REFUSED:
        family = "stable_diffusion_xl" if "XL" in REFUSED[name][0]["_class_name"] else "stable_diffusion"
        save_family(family, folder)
        _change(folder / "model_index.json", REFUSED[name][0])
        return folder
    model = USABLE[name]
    save_family(model["family"], folder)
    _change(folder / "model_index.json", model["index"])
    place = folder / "scheduler"
    (place / "scheduler_config.json").write_text(json.dumps(model["scheduler"]))
    return folder


def _change(file: Path, entries: dict) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))
