"""Every family of text-to-image pipelines: our denoiser is the clean sample of the pipeline's own step."""

import json
import math
import shutil
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch

from sjc_blender.engine import job
from sjc_blender.engine.score_models.loading import ADAPTERS, load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol import events, presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.model_families import family_of
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import ModelSpec
from sjc_blender.protocol.text_to_image import BY_NAME, OTHER
from tests.engine.own_sampler import PROMPT, SIDE, compare, own_steps
from tests.engine.tiny_text_to_image import FAMILIES, save_text_to_image

NEGATIVE = "photo of the blue mug blurry"
SCALE = 3.0
OWN_GUIDANCE = {
    "flux": {"guidance_scale": 1.0, "true_cfg_scale": SCALE},
    "qwen_image": {"true_cfg_scale": SCALE},
    # These count from 0.
    "z_image": {"guidance_scale": SCALE - 1},
    "kandinsky_3": {"guidance_scale": SCALE - 1},
}
"""The arguments by which a family's own pipeline guides as the engine does by `SCALE`."""


pytestmark = pytest.mark.usefixtures("small_samples")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    made = {}

    def make(name):
        if name not in made:
            made[name] = save_text_to_image(name, tmp_path_factory.mktemp("tiny") / name)
        return made[name]

    return make


@pytest.fixture(scope="session")
def loaded(tiny):
    """A family's model, loaded once."""
    made = {}

    def load(name):
        if name not in made:
            made[name] = load_score_model(ModelSpec(str(tiny(name)), device="cpu"))
        return made[name]

    return load


@pytest.mark.parametrize("name", FAMILIES)
def test_the_denoiser_is_the_clean_sample_of_the_pipelines_own_step(tiny, loaded, name):
    model = loaded(name)
    unguided = {"guidance_scale": 0.0 if name == "z_image" else 1.0, "true_cfg_scale": 1.0}
    steps = own_steps(tiny(name), BY_NAME[name].pipeline, model, **unguided)
    compare(model, steps, Condition(model.encode([NEGATIVE, PROMPT])[1:]))


@pytest.mark.parametrize("name", FAMILIES)
def test_guidance_is_the_pipelines_own(tiny, loaded, name):
    model = loaded(name)
    # FLUX.2's leads away from nothing alone; Kandinsky's cuts what it leads away from to the length of the prompt.
    against = {"flux_2_klein": "", "kandinsky_3": "a blue mug"}.get(name, NEGATIVE)
    guidance = OWN_GUIDANCE.get(name, {"guidance_scale": SCALE})
    steps = own_steps(tiny(name), BY_NAME[name].pipeline, model, negative_prompt=against, **guidance)
    positive, negative = model.encode([PROMPT, against]).split(1)
    compare(model, steps, Condition(positive, negative, SCALE))


def test_a_network_that_is_told_the_guidance_sees_a_sample_once(tiny, loaded):
    model, calls = loaded("flux"), []
    steps = own_steps(tiny("flux"), "FluxPipeline", model, guidance_scale=2.5)
    hook = model._network.register_forward_hook(lambda *_: calls.append(1))
    positive, nothing = model.encode([PROMPT, ""]).split(1)
    compare(model, steps, Condition(positive, nothing, 2.5))
    hook.remove()
    assert len(calls) == len(steps)


@pytest.mark.parametrize("name", FAMILIES)
def test_samples_are_decoded_as_the_pipeline_does(loaded, name):
    model = loaded(name)
    pipeline = model._pipeline
    z = torch.randn(2, model.channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    vae = getattr(pipeline, "vae", None) or getattr(pipeline, "movq", None)
    config = vae.config if vae is not None else {}
    if name == "deepfloyd_if":
        decoded = z
    elif name == "kandinsky_3":
        decoded = vae.decode(z, force_not_quantize=True).sample
    elif name == "qwen_image":
        mean, std = (torch.tensor(config[key]).view(1, -1, 1, 1, 1) for key in ("latents_mean", "latents_std"))
        decoded = vae.decode(z.unsqueeze(2) * std + mean).sample[:, :, 0]
    elif name == "flux_2_klein":
        patches = torch.nn.functional.pixel_unshuffle(z, 2)
        deviation = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + config.batch_norm_eps)
        patches = patches * deviation + vae.bn.running_mean.view(1, -1, 1, 1)
        decoded = vae.decode(torch.nn.functional.pixel_shuffle(patches, 2)).sample
    else:
        decoded = vae.decode(z / config.scaling_factor + (config.get("shift_factor") or 0.0)).sample
    torch.testing.assert_close(model.decode(z), (decoded / 2 + 0.5).clamp(0, 1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_three_steps_in_3d_run_and_previews_and_results_decode(tiny, tmp_path, name):
    source = tiny(name)
    assert family_of(source).name == name
    assert load_profile(str(source)).conditioning == "text"
    spec = presets.new_job(
        PROMPT,
        model=str(source),
        field={"resolution": 8},
        outputs={"colour_views": 4},
        optimisation={"steps": 3, "emptiness_weight": 0, "render_size": SIDE},
    )
    folder = JobFolder.create(tmp_path / "job", spec)
    told = []
    assert job.run_job(folder, told.append, lambda: False)
    (result,) = [event for event in told if isinstance(event, events.Result)]
    with np.load(folder.path / result.files["field"], allow_pickle=False) as field:
        assert field["density"].max() > 0
        assert np.isfinite(field["rgb"]).all()
    assert [event for event in told if isinstance(event, events.Preview)]
    losses = [event.losses for event in told if isinstance(event, events.Progress)]
    assert losses
    assert all(math.isfinite(loss) for step in losses for loss in step.values())


def test_texts_of_different_lengths_are_blended_and_told_apart(loaded):
    model = loaded("z_image")
    rows = model.encode(["a red chair", "a long view of the overhead of the blue chair", ""])
    texts = [model._texts.unpack(row)[0] for row in rows]
    assert len({tuple(text.shape) for text in texts}) == 3
    assert torch.equal(texts[0], model._texts.unpack(model.encode(["a red chair"])[0])[0])
    half = model._texts.unpack(0.5 * rows[0] + 0.5 * rows[1])[0]
    assert half.shape == texts[1].shape, "a blend is as long as the longer text"
    short = len(texts[0])
    torch.testing.assert_close(half[:short], 0.5 * texts[0] + 0.5 * texts[1][:short])
    torch.testing.assert_close(half[short:], 0.5 * texts[1][short:])
    z = torch.randn(3, model.channels, SIDE, SIDE)
    together = model.denoise(z, 500, Condition(rows))
    alone = [model.denoise(one[None], 500, Condition(row[None])) for one, row in zip(z, rows, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("options", [{"max_shard_size": "8KB"}, {"variant": "fp16"}], ids=["shards", "variant"])
def test_sharded_and_variant_folders_are_the_same_model(tiny, loaded, tmp_path, options):
    pipeline = diffusers.FluxPipeline.from_pretrained(tiny("flux"))
    pipeline.save_pretrained(tmp_path / "model", **options)
    weights = [file.name for file in (tmp_path / "model" / "transformer").glob("*.safetensors")]
    assert len(weights) > 1 or ".fp16." in weights[0]
    one, other = loaded("flux"), load_score_model(ModelSpec(str(tmp_path / "model"), device="cpu"))
    z = torch.randn(1, one.channels, SIDE, SIDE)
    first, second = (model.denoise(z, 300, Condition(model.encode([PROMPT]))) for model in (one, other))
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(one.decode(first), other.decode(first))


def test_a_network_that_takes_more_than_samples_is_refused(tiny, tmp_path):
    """Such as FLUX.1 Fill and Depth, whose folders may name the plain pipeline."""
    folder = Path(shutil.copytree(tiny("flux"), tmp_path / "model"))
    config = json.loads((folder / "transformer" / "config.json").read_text())
    filling = diffusers.FluxTransformer2DModel.from_config({**config, "in_channels": 32, "out_channels": 16})
    filling.save_pretrained(folder / "transformer")
    with pytest.raises(SjcError, match="takes 32 channels, and samples have 4, in patches 16") as caught:
        load_score_model(ModelSpec(str(folder), device="cpu"))
    assert caught.value.code == "unsupported_pipeline"


def test_a_name_that_a_class_had_before_is_known(tiny, tmp_path):
    folder = Path(shutil.copytree(tiny("lumina_2"), tmp_path / "model"))
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "_class_name": "Lumina2Text2ImgPipeline"}))
    assert family_of(folder).name == "lumina_2"
    assert type(load_score_model(ModelSpec(str(folder), device="cpu")).call.pipeline).__name__ == "Lumina2Pipeline"


@pytest.mark.parametrize("name", ["flux", "hunyuan_dit", "chroma"])
def test_components_that_the_family_has_not_are_not_loaded(tiny, loaded, tmp_path, name):
    folder = Path(shutil.copytree(tiny(name), tmp_path / "model"))
    index = json.loads((folder / "model_index.json").read_text())
    strange = {"feature_extractor": ["transformers", "CLIPTextModel"]}
    (folder / "model_index.json").write_text(json.dumps({**index, **strange}))
    shutil.copytree(tiny("flux") / "text_encoder", folder / "feature_extractor")
    model = load_score_model(ModelSpec(str(folder), device="cpu"))
    assert model.call.pipeline.feature_extractor is None


@pytest.mark.parametrize("name", ["flux", "hunyuan_dit"])
def test_an_odd_render_size_is_refused_with_one_that_is_not(loaded, name):
    model = loaded(name)
    z = torch.randn(1, model.channels, 9, 9)
    with pytest.raises(SjcError) as caught:
        model.denoise(z, 500, Condition(model.encode([PROMPT])))
    assert caught.value.code == "odd_render_size"
    assert "10" in caught.value.hint


def test_every_family_of_the_table_has_a_model_and_an_adapter():
    assert list(BY_NAME) == [*FAMILIES, OTHER.name]
    assert set(BY_NAME) <= ADAPTERS.keys()
