"""Score model of the Stable Diffusion format (1.x, 2.x, the built-in prior): latents, text, noise or v or x0."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ...protocol.errors import SjcError
from .guidance import guided
from .noise_levels import sigma_table
from .preconditioning import PREDICTION_TYPES, preconditioning
from .score_model import Condition

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

LATENT_CHANNELS = 4
DECODED_PIXELS_AT_ONCE = 512 * 512

logger = logging.getLogger(__name__)


class StableDiffusion:
    """The components of a diffusers pipeline as a `sjc_blender.engine.score_models.score_model.ScoreModel`.

    The networks run in the dtype they were loaded in; everything with sigma in it is computed in float32.

    Parameters
    ----------
    pipeline : StableDiffusionPipeline
    device : torch.device
        Where to; the pipeline's networks are moved there.

    Raises
    ------
    SjcError
        ``unsupported_pipeline`` if the network is one for another task (inpainting, upscaling) or predicts
        something unknown; ``unsupported_noise_schedule``.
    """

    networks = ("unet", "vae", "text_encoder")
    components = (*networks, "tokenizer", "scheduler")
    left_out: ClassVar[dict[str, Any]] = {
        "safety_checker": None,
        "feature_extractor": None,
        "image_encoder": None,
        "requires_safety_checker": False,
    }
    """Arguments that keep diffusers from loading what scoring does not need."""

    pixel_space = False

    def __init__(self, pipeline: StableDiffusionPipeline, device: torch.device) -> None:
        config = pipeline.scheduler.config
        self.prediction_type: str = config.get("prediction_type", "")
        self.channels: int = pipeline.unet.config.in_channels
        _check_task(self.prediction_type, self.channels)
        self.sigmas = sigma_table(config)
        self.sample_size: int = pipeline.unet.config.sample_size
        self.device = device
        self.dtype: torch.dtype = pipeline.unet.dtype
        self._tokenizer = pipeline.tokenizer
        self._unet, self._vae, self._text_encoder = (
            network.to(device).eval().requires_grad_(False)
            for network in (getattr(pipeline, name) for name in self.networks)
        )

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed texts as ``StableDiffusionPipeline`` does: the text encoder's last hidden states.

        Returns
        -------
        Tensor [N, tokens, width], float32
            Padded to the tokenizer's full length. A longer text is cut, and the log says where.
        """
        self._log_cut_texts(texts)
        tokens = self._tokenizer(
            list(texts),
            padding="max_length",
            max_length=self._tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        # Most text encoders of this format were trained without a mask on the padding.
        masked = getattr(self._text_encoder.config, "use_attention_mask", False)
        mask = tokens.attention_mask.to(self.device) if masked else None
        hidden: torch.Tensor = self._text_encoder(tokens.input_ids.to(self.device), attention_mask=mask)[0]
        return hidden.float()

    @torch.no_grad()
    def denoise(self, z: torch.Tensor, timestep: int, condition: Condition) -> torch.Tensor:
        """See `sjc_blender.engine.score_models.score_model.ScoreModel.denoise`."""
        factors = preconditioning(self.prediction_type, float(self.sigmas[timestep]))

        def network(network_input: torch.Tensor, embeddings: torch.Tensor | None) -> torch.Tensor:
            if embeddings is None:
                raise ValueError("this model is conditioned on text; give an embedding, that of the empty text perhaps")
            output = self._unet(
                network_input.to(self.dtype),
                timestep,
                encoder_hidden_states=embeddings.to(self.dtype),
                return_dict=False,
            )[0]
            return output.float()  # type: ignore[no-any-return]

        return factors.c_skip * z + factors.c_out * guided(network, factors.c_in * z, condition)

    @torch.no_grad()
    def decode(self, samples: torch.Tensor) -> torch.Tensor:
        """See `ScoreModel.decode`; a few pictures at a time, to bound the memory."""
        config = self._vae.config
        latents = samples / config.scaling_factor + (getattr(config, "shift_factor", None) or 0.0)
        scale = 2 ** (len(config.block_out_channels) - 1)
        pixels = latents.shape[2] * latents.shape[3] * scale**2
        chunks = latents.to(self.dtype).split(max(1, DECODED_PIXELS_AT_ONCE // pixels))
        images = torch.cat([self._vae.decode(chunk, return_dict=False)[0].float() for chunk in chunks])
        return (images / 2.0 + 0.5).clamp(0.0, 1.0)

    def _log_cut_texts(self, texts: Sequence[str]) -> None:
        longest = self._tokenizer.model_max_length
        for text in texts:
            ids = self._tokenizer(text, truncation=False, verbose=False).input_ids
            if len(ids) > longest:
                cut = self._tokenizer.decode(ids[longest - 1 : -1], skip_special_tokens=True)
                logger.warning("The model reads %d tokens of a prompt; of %r it does not see %r.", longest, text, cut)


def _check_task(prediction_type: str, channels: int) -> None:
    if channels != LATENT_CHANNELS:
        raise SjcError(
            "unsupported_pipeline",
            f"The model's U-Net takes {channels} channels; a text-to-image model of the Stable Diffusion format takes "
            f"{LATENT_CHANNELS} (9 is inpainting, 7 is upscaling, 8 is image editing).",
            "Choose the text-to-image model of the same family.",
        )
    if prediction_type not in PREDICTION_TYPES:
        raise SjcError(
            "unsupported_pipeline",
            f"The model's scheduler has the prediction type {prediction_type!r}; supported are "
            + ", ".join(PREDICTION_TYPES)
            + ".",
            "Correct prediction_type in scheduler/scheduler_config.json, or choose another model.",
        )
