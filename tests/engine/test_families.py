"""Every family of models: one denoiser through each adapter, inputs as diffusers gives them, and an object in 3D."""

import json
import math
import shutil
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest
import torch

from sjc_blender.engine import job
from sjc_blender.engine.score_models.loading import ADAPTERS, load_score_model
from sjc_blender.engine.score_models.noise_levels import flow_table, geometric_table
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol import events, presets
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.model_families import FAMILIES as KNOWN
from sjc_blender.protocol.model_families import MODELS, family_of
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.picture import picture_digest
from sjc_blender.protocol.spec import ModelSpec, PictureSpec
from sjc_blender.protocol.text_to_image import BY_NAME
from tests.engine.tiny_families import FAMILIES, save_family

CPU = torch.device("cpu")
PROMPTS = {"text": "a red chair", "class": "duck", "none": "", "picture": ""}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    made = {}

    def make(name):
        if name not in made:
            made[name] = save_family(name, tmp_path_factory.mktemp("family") / name.replace(" ", "_"))
        return made[name]

    return make


def load(source, **options):
    return load_score_model(ModelSpec(str(source), **{"device": "cpu", **options}))


def name_of(family):
    return family.partition(" ")[0]


def conditions_of(model, family):
    """A condition with guidance, or none at all."""
    takes = load_profile(str(family)).conditioning
    prompt = PROMPTS[takes]
    if takes == "none":
        return Condition()
    embeddings = model.encode([prompt, ""])
    return Condition(embeddings[:1], embeddings[1:], 5.0)


PICTURE = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)


def picture_for(source):
    """What a model that turns a picture into an object is shown."""
    if load_profile(source).conditioning != "picture":
        return None
    return PictureSpec(picture_digest(24, 20, PICTURE.tobytes()), elevation=10.0)


def samples(model, scale=1.0, seed=0):
    shape = (2, model.channels, model.sample_size, model.sample_size)
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Mixture:
    """Pixels drawn from two Gaussians, in the engine's units, and their ideal denoiser in any linear noising."""

    weights, means, deviations = (0.3, 0.7), (-0.6, 0.4), (0.1, 0.3)

    def __init__(self, scale=1.0, shift=0.0):
        """The same pixels as scale x + shift."""
        self.means = [scale * mean + shift for mean in self.means]
        self.deviations = [scale * deviation for deviation in self.deviations]

    def denoised(self, observed, a, b):
        """E[x] given observed = a x + b n, in float64."""
        observed = observed.double()
        logs, expected = [], []
        for weight, mean, deviation in zip(self.weights, self.means, self.deviations, strict=True):
            variance = a * a * deviation**2 + b * b
            residual = observed - a * mean
            logs.append(math.log(weight) - 0.5 * math.log(variance) - residual.square() / (2 * variance))
            expected.append(mean + a * deviation**2 / variance * residual)
        return (torch.softmax(torch.stack(logs), dim=0) * torch.stack(expected)).sum(dim=0)


def alphas_bar(schedule):
    """The schedules of the papers, written anew."""
    if schedule == "cosine":  # https://arxiv.org/abs/2102.09672, Eq. 17
        f = [math.cos((i / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(1001)]
        betas = [min(1 - f[i + 1] / f[i], 0.999) for i in range(1000)]
    elif schedule == "linear":  # https://arxiv.org/abs/2006.11239
        betas = [1e-4 + (0.02 - 1e-4) * i / 999 for i in range(1000)]
    else:  # Stable Diffusion
        first, last = math.sqrt(0.00085), math.sqrt(0.012)
        betas = [(first + (last - first) * i / 999) ** 2 for i in range(1000)]
    return np.cumprod(1 - np.array(betas, dtype=np.float64))


# Family, the network's component, and how the network's own paper noises its data: the schedule of abar, or a word.
NOISINGS = [
    ("stable_diffusion", "unet", "stable diffusion"),
    ("stable_diffusion_xl", "unet", "stable diffusion"),
    ("mvdream", "unet", "stable diffusion"),
    ("zero123", "unet", "stable diffusion"),
    ("stable_diffusion_3", "transformer", "flow"),
    ("deepfloyd_if", "unet", "cosine"),
    ("dit", "transformer", "linear"),
    ("ddpm", "unet", "linear"),
    ("ddpm_classes", "unet", "linear"),
    ("score_sde_ve", "unet", "variance exploding"),
]
CASES = [(*noising, "epsilon") for noising in NOISINGS] + [
    (*noising, prediction)
    for noising in NOISINGS
    for prediction in ("v_prediction", "sample")
    if noising[2] in ("linear", "cosine", "stable diffusion")
]


def perfect_network(noising, prediction):
    """What a network that knows the mixture by heart returns, computed from its own input and clock alone."""
    schedule = None if noising in ("flow", "variance exploding") else alphas_bar(noising)
    mixture = Mixture(0.5, 0.5) if noising == "variance exploding" else Mixture()

    def forward(*arguments, hidden_states=None, timestep=None, return_dict=False, **condition):
        observed = arguments[0] if arguments else hidden_states
        clock = arguments[1] if len(arguments) > 1 else timestep
        clock = float(torch.as_tensor(clock).flatten()[0])
        if noising == "variance exploding":
            x = mixture.denoised(observed, 1.0, clock)
            return ((x - observed.double()).div(clock**2).float(),)
        if noising == "flow":
            x = mixture.denoised(observed, 1 - clock / 1000, clock / 1000)
            return (((observed.double() - x) / (clock / 1000)).float(),)
        a, b = math.sqrt(schedule[int(clock)]), math.sqrt(1 - schedule[int(clock)])
        x = mixture.denoised(observed, a, b)
        n = (observed.double() - a * x) / b
        output = {"epsilon": n, "v_prediction": a * n - b * x, "sample": x}[prediction].float()
        # The variance that some networks predict beside must not matter.
        return (torch.cat([output, torch.full_like(output, 1e9)], dim=1),)

    return forward


@pytest.mark.parametrize(("family", "component", "noising", "prediction"), CASES)
def test_one_denoiser_comes_out_of_every_adapter(folder, family, component, noising, prediction):
    pipeline = load(folder(family))._pipeline
    before = dict(pipeline.scheduler.config)
    if "prediction_type" in before:
        pipeline.scheduler.register_to_config(prediction_type=prediction)
    model = ADAPTERS[family](pipeline, CPU)
    getattr(pipeline, component).forward = perfect_network(noising, prediction)
    condition = conditions_of(model, folder(family))
    timesteps = np.linspace(0, len(model.sigmas) - 1, 24).round().astype(int).tolist()
    for timestep in timesteps:
        sigma = float(model.sigmas[timestep])
        z = samples(model, scale=math.hypot(sigma, 0.5), seed=timestep)
        error = (model.denoise(z, timestep, condition).double() - Mixture().denoised(z, 1.0, sigma)).abs().max()
        # z itself, in float32, is rounded by 6e-8 of its size, and the network's output by as much again; guidance
        # multiplies the rounding of what two equal outputs differ by.
        assert error < 1e-6 * max(1.0, float(z.abs().max())), f"timestep {timestep}, sigma {sigma}"


def test_the_table_of_a_flow_is_exact():
    table = flow_table({"num_train_timesteps": 1000, "shift": 3.0}).tolist()
    assert len(table) == 999
    assert all(math.isclose(s, Fraction(i + 1, 999 - i), rel_tol=1e-12) for i, s in enumerate(table))


def test_the_table_of_a_score_network_is_exact_and_doubled_for_the_engines_pixels(folder):
    getcontext().prec = 40
    table = geometric_table({"sigma_min": 0.01, "sigma_max": 348.0, "num_train_timesteps": 2000}).tolist()
    low, high = Decimal("0.01"), Decimal("348")
    for i in (0, 1, 777, 1998, 1999):
        exact = low * ((high / low).ln() * i / 1999).exp()
        assert math.isclose(table[i], exact, rel_tol=1e-12)
    model = load(folder("score_sde_ve"))
    assert torch.equal(model.sigmas, 2 * torch.tensor(table, dtype=torch.float64))


@pytest.mark.parametrize("family", FAMILIES)
def test_tables_rise_and_are_finite_and_the_default_range_is_inside(folder, family):
    source = str(folder(family))
    model = load(source)
    assert model.sigmas.dtype == torch.float64
    assert bool(model.sigmas.isfinite().all()) and bool((model.sigmas.diff() > 0).all()) and model.sigmas[0] > 0
    prompt = PROMPTS[load_profile(source).conditioning]
    spec = presets.new_job(prompt, preset="paper", model=source, picture=picture_for(source))
    first, last = spec.optimisation.timesteps
    assert 0 <= first < last < len(model.sigmas)
    assert 0.04 < model.sigmas[first] < 0.2
    assert 5 < model.sigmas[last] < 130


def shown(network, calls):
    """Record what a network is shown."""
    forward = network.forward

    def recorded(*arguments, **options):
        calls.append((arguments, options))
        return forward(*arguments, **options)

    network.forward = recorded


def flat(value):
    """All tensors in what a network was shown, by name."""
    if isinstance(value, dict):
        return {f"{key}.{inner}": t for key, part in value.items() for inner, t in flat(part).items()}
    return {"": value} if isinstance(value, torch.Tensor) else {}


def test_the_network_is_shown_the_conditions_that_diffusers_shows_it(folder):
    model = load(folder("stable_diffusion_xl"))
    pipeline, calls = model._pipeline, []
    shown(pipeline.unet, calls)
    pipeline("a red chair", num_inference_steps=1, guidance_scale=5.0, output_type="latent")
    model.denoise(samples(model)[:1], 500, conditions_of(model, folder("stable_diffusion_xl")))
    theirs, ours = (flat(options) for _, options in calls)
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, msg=name)
    assert {"encoder_hidden_states.", "added_cond_kwargs.time_ids."} <= theirs.keys()


@pytest.mark.parametrize("family", ["stable_diffusion_xl", "stable_diffusion_3"])
def test_latents_are_decoded_as_the_pipeline_does(folder, family):
    pipeline = load(folder(family))._pipeline
    model = ADAPTERS[family](pipeline, CPU)
    latents = samples(model)
    config = pipeline.vae.config
    decoded = pipeline.vae.decode(latents / config.scaling_factor + (config.shift_factor or 0.0)).sample
    torch.testing.assert_close(model.decode(latents), (decoded / 2 + 0.5).clamp(0, 1))


def test_pixels_are_decoded_as_they_are(folder):
    model = load(folder("ddpm"))
    assert model.pixel_space
    pixels = torch.tensor([-2.0, -1.0, 0.0, 0.5, 1.0]).expand(1, 3, 5, 5)
    assert model.decode(pixels)[0, 0, 0].tolist() == [0.0, 0.0, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_makes_an_object_in_3d(folder, tmp_path, family):
    source = folder(family)
    assert family_of(source).name == name_of(family)
    prompt = PROMPTS[load_profile(str(source)).conditioning]
    spec = presets.new_job(
        prompt,
        model=str(source),
        picture=picture_for(str(source)),
        field={"resolution": 10},
        outputs={"colour_views": 4},
        # Random networks like nothing in particular: without pressure from the emptiness loss something is left.
        optimisation={"steps": 4, "emptiness_weight": 0},
    )
    folder_of_job = JobFolder.create(tmp_path / "job", spec)
    if spec.picture is not None:
        np.savez_compressed(folder_of_job.picture, pixels=PICTURE)
    told = []
    assert job.run_job(folder_of_job, told.append, lambda: False)
    (result,) = [event for event in told if isinstance(event, events.Result)]
    with np.load(folder_of_job.path / result.files["field"], allow_pickle=False) as field:
        assert field["density"].max() > 0
        assert np.isfinite(field["density"]).all()
        assert np.isfinite(field["rgb"]).all()
    assert [event for event in told if isinstance(event, events.Preview)]
    losses = [event.losses for event in told if isinstance(event, events.Progress)]
    assert all(math.isfinite(loss) for step in losses for loss in step.values())


def test_every_known_family_has_a_profile_and_a_test_model():
    names = {family.name for family in KNOWN} - BY_NAME.keys()
    profiles = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in MODELS.glob("*.json")}
    del profiles["known"]
    assert {name: profile["family"] for name, profile in profiles.items()} == {name: name for name in profiles}
    assert names <= profiles.keys()
    assert {name_of(family) for family in FAMILIES} == profiles.keys() - {"reference_views"}
    assert ADAPTERS.keys() == (names | BY_NAME.keys()) - {"reference_views"}


def test_half_precision_is_for_the_networks_that_bear_it(folder):
    model = load(folder("stable_diffusion_xl"), dtype="float16")
    assert model._pipeline.unet.dtype == torch.float16
    assert model._pipeline.vae.dtype == torch.float32, "the decoder of SDXL overflows in float16"
    assert model.encode(["a red chair"]).dtype == model.decode(samples(model)).dtype == torch.float32
    assert not ADAPTERS["score_sde_ve"].half_precision


@pytest.mark.parametrize("family", ["stable_diffusion", "stable_diffusion_xl", "stable_diffusion_3", "dit"])
def test_offloaded_networks_score_and_decode_the_same(folder, family):
    """From the CPU to the CPU, which moves nothing but goes through the same hooks."""
    model = load(folder(family))
    pipeline = load(folder(family))._pipeline
    pipeline.enable_model_cpu_offload(device="cpu")
    offloaded = ADAPTERS[family](pipeline, CPU)
    z = samples(model)
    condition, own = conditions_of(model, folder(family)), conditions_of(offloaded, folder(family))
    for _ in range(2):  # back to the first network after the last
        torch.testing.assert_close(offloaded.denoise(z, 500, own), model.denoise(z, 500, condition))
        torch.testing.assert_close(offloaded.decode(z), model.decode(z))


def test_old_folders_of_one_network_have_it_at_the_top(folder, tmp_path):
    split = folder("ddpm")
    for file in [*split.glob("unet/*"), *split.glob("scheduler/*"), split / "model_index.json"]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    one, other = load(split), load(tmp_path)
    z = samples(one)
    torch.testing.assert_close(one.denoise(z, 500, Condition()), other.denoise(z, 500, Condition()))


def test_the_tokenizer_of_t5_is_read_from_the_file_it_originally_comes_as(folder, tmp_path):
    """DeepFloyd IF brings sentencepiece's own file and no other."""
    sentencepiece = pytest.importorskip("sentencepiece")
    whole = shutil.copytree(folder("deepfloyd_if"), tmp_path / "model")
    shutil.rmtree(whole / "tokenizer")
    (whole / "tokenizer").mkdir()
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"a red chair and a duck {number}" for number in range(100)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(whole / "tokenizer" / "spiece"), vocab_size=30,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    (whole / "tokenizer" / "spiece.vocab").unlink()
    (whole / "tokenizer" / "tokenizer_config.json").write_text('{"tokenizer_class": "T5Tokenizer", "extra_ids": 0}')
    index = whole / "model_index.json"
    data = json.loads(index.read_text())
    index.write_text(json.dumps({**data, "tokenizer": ["transformers", "T5Tokenizer"]}))
    one, other = load(whole).encode(["a red chair", "a duck"])
    assert not torch.equal(one, other)


def test_stable_diffusion_3_needs_no_t5(folder, tmp_path):
    whole = shutil.copytree(folder("stable_diffusion_3"), tmp_path / "model")
    shutil.rmtree(whole / "text_encoder_3")
    shutil.rmtree(whole / "tokenizer_3")
    model = load(whole)
    assert model.encode(["a red chair"]).shape == load(folder("stable_diffusion_3")).encode(["a red chair"]).shape


def test_scores_change_with_the_prompt_and_the_class(folder):
    for family, texts in [("stable_diffusion_xl", ["a red chair", "a blue duck"]), ("dit", ["chair", "duck"])]:
        model = load(folder(family))
        z = samples(model)
        one, other = (model.denoise(z, 500, Condition(model.encode([text]))) for text in texts)
        assert (one - other).abs().max() > 1e-4, family
