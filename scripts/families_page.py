"""Write docs/families.md: the text-to-image pipelines of diffusers that one adapter runs, as the table of them says.

families_page.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "families.md"
sys.path.insert(0, str(REPOSITORY))

from sjc_blender.protocol.text_to_image import TEXT_TO_IMAGE, TextToImage  # noqa: E402 - beside this folder

GUIDED = {"two passes": "two passes", "embedded": "told to the network"}
RENORMALISED = {"": "", "row": ", renormalised by rows", "token": ", renormalised by tokens"}

COLUMNS = (
    "family",
    "pipeline",
    "example",
    "licence of the weights",
    "kind",
    "guidance, and the pipeline's scale",
    "picture, px",
    "on disk, GB",
    "graphics memory, GB",
)
HEAD = """# Text-to-image pipelines

One adapter runs these families: the pipeline's own call does one step, with a scheduler of the engine in its
scheduler's place, so that text encoders, masks, packing, positions and the autoencoder's scaling are the pipeline's
own. `scripts/families_page.py` writes this page from the table in `sjc_blender/protocol/text_to_image.py`;
`tests/engine/test_text_to_image.py` compares each, on a tiny random model, with the pipeline's own sampler. Families
with adapters of their own are in [Choose a model](models.md). No model of these was run at its full size here: what
they are worth as priors is not known, and memory and sizes are rough figures for all parts in half precision.

{head}{rows}
The scale is that of the engine, in which 1 is none; the pipelines of Z-Image and Kandinsky 3 count from 0. A network
that is *told* the scale (FLUX.1 [dev]) sees each sample once; with a negative prompt, Perp-Neg or
classifier score distillation it sees two, both without guidance of its own. *Renormalised*: the guided output has the
norm of the unguided, as in the pipeline.

## Sizes

A render has the network's own size unless `optimisation.render_size` says otherwise. Networks that see patches of
2 x 2 need an even number.

## What is not there

- HiDream and FLUX need all their text encoders in the folder; HiDream's fourth is Llama 3.1, which its repository does
  not hold.
- FLUX.2 [klein] takes no negative prompt of its own; the engine's is used in its place.
- Krea 2, LongCat-Image and Bria have no row: each loads by the trial at load, which tiny models of theirs pass.
  LongCat-Image's bound on guidance (`enable_cfg_renorm`) is off, and it rewrites no prompts.
- Kandinsky 3 cuts a negative prompt to the length of the prompt; the engine does not.

## Refused

These pipelines of diffusers make pictures of a text, too, and are refused, with the reason that follows. A component of
a class that is not known is refused before anything is loaded; such pipelines have not been run.

{refused}"""

LACKING = {
    "ErnieImagePipeline": "its call has no prepare_latents",
    "Flux2KleinKVPipeline": "its call has no guidance_scale",
    "HunyuanImagePipeline": "its call has no guidance_scale",
    "HunyuanImageRefinerPipeline": "its call has no guidance_scale",
    "Kandinsky5I2IPipeline": "its call needs image beside the prompt",
    "KandinskyCombinedPipeline": "its call has no encode_prompt and no prepare_latents",
    "KandinskyPipeline": "its call has no encode_prompt",
    "KandinskyV22CombinedPipeline": "its call has no encode_prompt and no prepare_latents",
    "LDMTextToImagePipeline": "its call has no encode_prompt and no prepare_latents",
    "OmniGenPipeline": "its call has no encode_prompt",
    "StableCascadeCombinedPipeline": "its call has no guidance_scale and no encode_prompt and no prepare_latents",
}
"""By pipeline: how its call differs from what the one adapter asks for."""

UNKNOWN = {
    "BriaFibo2Pipeline": "BriaFibo2Transformer2DModel",
    "BriaFiboPipeline": "BriaFiboTransformer2DModel",
    "Cosmos2TextToImagePipeline": "CosmosTransformer3DModel",
    "DreamLiteMobilePipeline": "DreamLiteUNetModel",
    "DreamLitePipeline": "DreamLiteUNetModel",
    "Flux2Pipeline": "Mistral3ForConditionalGeneration",
    "GlmImagePipeline": "GlmImageForConditionalGeneration",
    "Ideogram4Pipeline": "Ideogram4Transformer2DModel",
    "NucleusMoEImagePipeline": "NucleusMoEImageTransformer2DModel",
    "StableUnCLIPPipeline": "PriorTransformer",
    "ZImageOmniPipeline": "Siglip2VisionModel",
}
"""By pipeline: a class of its components that is not known."""

TRIED = {
    "LatentConsistencyModelPipeline": "its call fails without steps",
    "LuminaPipeline": "it guides only some of its channels, and is refused with the measured difference",
    "PRXPipeline": "its text encoder is no class that transformers offers by name, and its call needs ftfy; "
    "with both, which the engine does not have, a tiny model agrees",
    "SanaSprintPipeline": "its scheduler, SCMScheduler, is of a clock that is not known",
}
"""By pipeline: why a tiny model of it does not pass."""

OTHERWISE = {
    "Kandinsky5T2IPipeline": "its call makes pictures of seven sizes of a megapixel alone, whatever it is asked for",
    "IFSuperResolutionPipeline": "it enlarges a picture",
    "PRXPixelPipeline": "its call begins with noise of another size, and turns what the network says into a velocity",
}
"""By pipeline: what its source shows; not run."""


def refused() -> dict[str, str]:
    """Why pipelines are refused, by their class."""
    unknown = {name: f"its component of the class {part} is not known" for name, part in UNKNOWN.items()}
    return dict(sorted((LACKING | unknown | TRIED | OTHERWISE).items()))


def page() -> str:
    """The page's text."""
    head = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    reasons = "".join(f"- `{name}`: {why}.\n" for name, why in refused().items())
    return HEAD.format(head=head, rows="".join(_row(family) for family in TEXT_TO_IMAGE), refused=reasons)


def _row(family: TextToImage) -> str:
    kind = "rectified flow" if family.flow else "variance-preserving"
    guided = f"{GUIDED[family.guidance]}{RENORMALISED[family.renormalised]}, {family.guidance_scale:g}"
    cells = (
        family.title,
        f"`{family.pipeline}`",
        f"`{family.example}`",
        family.licence,
        kind,
        guided,
        str(family.image_size),
        f"{family.download_gigabytes:g}",
        f"{family.gpu_gigabytes:g}",
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text(encoding="utf-8") == page() else f"{PAGE} is not as the table is")
    PAGE.write_text(page(), encoding="utf-8")
