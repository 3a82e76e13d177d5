"""A picture beside the prompt: what the network sees of it is what diffusers' own pipeline shows it, from the front."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image
from transformers import CLIPVisionModelWithProjection

from sjc_blender.engine.cameras.viewpoints import Viewpoint, orbit_camera
from sjc_blender.engine.forecast.needs import IP_ADAPTER, needs_of
from sjc_blender.engine.image_files.picture_file import squared
from sjc_blender.engine.job import run_job
from sjc_blender.engine.optimisation.seen_picture import SeenPicture
from sjc_blender.engine.radiance.picture_input import read_picture
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.memory import memory_levels
from sjc_blender.protocol.picture import MOST_SIDE, picture_digest
from sjc_blender.protocol.spec import ModelSpec, PictureSpec
from tests.engine.test_pause_and_continue import same
from tests.engine.tiny_control import save_control
from tests.engine.tiny_families import save_family
from tests.engine.tiny_ip_adapter import save_ip_adapter

CPU = torch.device("cpu")


def a_picture(height=20, width=20):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(path, pixels):
    np.savez_compressed(path, version=1, pixels=pixels)
    return picture_digest(pixels.shape[1], pixels.shape[0], pixels.tobytes())


def from_(azimuth, elevation=0.0):
    return Viewpoint(orbit_camera(azimuth, elevation, 2.0, 50.0), azimuth, elevation)


@pytest.fixture(scope="module")
def seeing(tiny_pipeline, tmp_path_factory):
    """A tiny model, and an IP-Adapter for it."""
    model = tiny_pipeline("v_prediction")
    return model, save_ip_adapter(tmp_path_factory.mktemp("ip"), model)


@pytest.fixture
def job(seeing, tmp_path):
    """`job(name)`: a folder of a job with a picture, whose settings may be changed."""

    def make(name, *, picture=None, control="", steps=4, **settings):
        model, adapter = seeing
        folder = tmp_path / name
        folder.mkdir()
        digest = write(folder / "picture.npz", a_picture())
        spec = presets.new_job(
            "a red chair",
            model={"source": str(model), "ip_adapter": str(adapter)},
            field={"resolution": 12},
            outputs={"colour_views": 4, "mesh": False},
            picture=dataclasses.replace(picture or PictureSpec(""), digest=digest),
            optimisation={"guidance_scale": 3.0, "emptiness_weight": 0, "steps": steps, **settings},
        )
        return JobFolder.create(folder, spec)

    return make


def run(folder):
    run_job(folder, lambda event: None, lambda: False)
    return folder


def field_of(folder):
    with np.load(folder.result / "field.npz", allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


@pytest.mark.parametrize(
    ("family", "plus"), [("stable_diffusion", False), ("stable_diffusion_xl", False), ("stable_diffusion", True)]
)
def test_what_the_network_answers_is_what_it_answers_in_diffusers_own_pipeline(family, plus, tmp_path):
    folder = save_family(family, tmp_path / "model")
    adapter = save_ip_adapter(tmp_path / "ip", folder, plus=plus)
    xl = family.endswith("xl")
    kind = StableDiffusionXLPipeline if xl else StableDiffusionPipeline
    theirs = kind.from_pretrained(folder)
    theirs.load_ip_adapter(str(adapter.parent), subfolder="", weight_name=adapter.name, low_cpu_mem_usage=False)
    theirs.set_ip_adapter_scale(0.7)
    asked, forward = [], theirs.unet.forward

    def recorded(sample, timestep, **told):
        output = forward(sample, timestep, **told)
        asked.append((sample, int(timestep), output[0]))
        return output

    theirs.unet.forward = recorded
    picture = a_picture()
    theirs(
        "a red chair",
        ip_adapter_image=Image.fromarray(picture),
        num_inference_steps=2,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(0),
        output_type="latent",
        height=16,
        width=16,
    )
    model = load_score_model(ModelSpec(str(folder), device="cpu", ip_adapter=str(adapter)))
    plain = load_score_model(ModelSpec(str(folder), device="cpu"))
    embeddings = model.encode(["a red chair"] * 2 if xl else ["a red chair", ""])
    condition = Condition(
        embeddings[:1], embeddings[1:], 3.0, picture=model.embed_picture(picture), picture_strength=0.7
    )
    mine, own = [], model._pipeline.unet.forward

    def watched(*arguments, **told):
        output = own(*arguments, **told)
        mine.append(output[0])
        return output

    model._pipeline.unet.forward = watched
    assert len(asked) == 2
    for sample, timestep, output in asked:
        z = (sample[:1] * (1 + model.sigmas[timestep] ** 2) ** 0.5).float()
        denoised = model.denoise(z, timestep, condition)
        # XL's empty text is zeros in diffusers' pipeline: the positive half is compared.
        torch.testing.assert_close(mine.pop()[1:], output[1:], atol=1e-5, rtol=1e-4)
        if not xl:
            unseen = dataclasses.replace(condition, picture=None)
            assert (denoised - model.denoise(z, timestep, unseen)).abs().max() > 1e-3
            torch.testing.assert_close(
                model.denoise(z, timestep, unseen), plain.denoise(z, timestep, unseen), atol=1e-6, rtol=1e-5
            )
        mine.clear()


def test_only_samples_of_the_prompt_see_it_and_it_goes_with_a_control_network(seeing, tmp_path):
    folder, adapter = seeing
    control = save_control(tmp_path / "depth", folder)
    model = load_score_model(ModelSpec(str(folder), device="cpu", ip_adapter=str(adapter), control=str(control)))
    embedding = model.embed_picture(a_picture())
    seen = []
    told = model.ip_adapter.told
    model.ip_adapter.told = lambda *arguments: (
        seen.append(told(*arguments)["image_embeds"][0]) or {"image_embeds": seen[-1:]}
    )
    texts = model.encode(["a red chair", "", "a blue mug"])
    condition = Condition(
        texts[:1],
        texts[1:2],
        3.0,
        other_views=texts[2:][None],
        other_view_weights=torch.tensor([[-1.0]]),
        control=torch.rand(1, 3, 16, 16),
        picture=embedding,
    )
    z = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    model.denoise(z, 400, condition)
    rows = seen.pop()[:, 0]
    shows = torch.tensor([False, False, True, True, False, False])
    assert rows.shape == (6, 12) and torch.equal(rows.any(dim=1), shows)
    assert torch.equal(rows[2], embedding[0])
    model.denoise(z, 400, Condition(texts[:1], picture=embedding))
    assert torch.equal(seen.pop()[:, 0], embedding.expand(2, -1))
    # As many samples at once as there is memory for.
    whole = model.denoise(z, 400, condition)
    model.level = dataclasses.replace(model.level, samples_at_once=2)
    torch.testing.assert_close(model.denoise(z, 400, condition), whole, atol=1e-5, rtol=1e-4)


def test_it_is_seen_from_the_front_and_less_of_it_from_the_side():
    picture = SeenPicture(torch.zeros(1, 4), PictureSpec("", 0.8, 90.0))
    expected = {0.0: 0.8, 45.0: 0.4, -45.0: 0.4, 90.0: 0.0, 180.0: 0.0, -120.0: 0.0, 360.0: 0.8}
    for azimuth, strength in expected.items():
        assert picture.strength_from(from_(azimuth)) == pytest.approx(strength, abs=1e-6)
    assert picture.strength_from(from_(0.0, 45.0)) == pytest.approx(0.4)
    assert picture.strength_from(from_(0.0, 90.0)) == pytest.approx(0.0, abs=1e-9)
    around = SeenPicture(torch.zeros(1, 4), PictureSpec("", 1.0, 180.0))
    assert around.strength_from(from_(90.0)) == pytest.approx(0.5)
    shown = picture.show([Condition(), Condition()], [from_(0.0), from_(180.0)])
    assert [condition.picture_strength for condition in shown] == [pytest.approx(0.8), 0.0]


def test_what_is_not_square_is_seen_whole_on_white():
    picture = a_picture(4, 10)
    square = squared(picture)
    assert square.shape == (10, 10, 3) and np.array_equal(square[3:7], picture)
    assert (square[:3] == 255).all() and (square[7:] == 255).all()


def test_in_a_job_each_view_sees_it_as_strongly_as_it_looks_from_the_front(job, monkeypatch):
    from sjc_blender.engine.score_models.ip_adapter import IpAdapter

    told, expected = [], []
    tell, show = IpAdapter.told, SeenPicture.show

    def watched(self, picture, shows, strength, dtype):
        if picture is not None:
            told.append(strength)
        return tell(self, picture, shows, strength, dtype)

    def shown(self, conditions, viewpoints):
        expected.extend(self.strength_from(viewpoint) for viewpoint in viewpoints)
        return show(self, conditions, viewpoints)

    monkeypatch.setattr(IpAdapter, "told", watched)
    monkeypatch.setattr(SeenPicture, "show", shown)
    folder = run(job("job", views=2, steps=8))
    steps = zip(expected[::2], expected[1::2], strict=True)
    # Two views that see it alike are denoised at once.
    assert len(expected) == 16 and told == [seen for pair in steps for seen in dict.fromkeys(pair)]
    assert 0.0 in expected and max(expected) > 0.2
    spec = folder.read_spec()
    plain = dataclasses.replace(spec, picture=None, model=dataclasses.replace(spec.model, ip_adapter=""))
    without = JobFolder.create(folder.path.parent / "plain", plain)
    assert not same(field_of(run(without)), field_of(folder))


def test_a_picture_and_its_adapter_come_together(seeing):
    model, adapter = seeing
    for settings, word in (
        ({"model": {"source": str(model), "ip_adapter": str(adapter)}}, "model.ip_adapter"),
        ({"model": str(model), "picture": PictureSpec("x")}, "model.ip_adapter"),
    ):
        with pytest.raises(InvalidSpec) as caught:
            presets.new_job("a red chair", **settings)
        assert [fault.field for fault in caught.value.faults] == [word]
    with_both = {"model": {"source": str(model), "ip_adapter": str(adapter)}}
    for bad in ({"strength": 0.0}, {"strength": float("nan")}, {"reach": 0.0}, {"reach": 200.0}):
        with pytest.raises(InvalidSpec, match=f"picture.{next(iter(bad))}"):
            presets.new_job("a red chair", **with_both, picture={"digest": "", **bad})


def refused(code, words, model, adapter):
    with pytest.raises(SjcError) as caught:
        load_score_model(ModelSpec(str(model), device="cpu", ip_adapter=str(adapter)))
    assert caught.value.code == code and words in caught.value.message
    return caught.value


def test_what_is_no_ip_adapter_for_the_model_is_refused(seeing, tmp_path):
    model, adapter = seeing
    refused("unknown_ip_adapter", "no file", model, tmp_path / "nowhere.safetensors")
    (tmp_path / "ip.bin").write_bytes(b"x")
    refused("pickled_weights", "pickle", model, tmp_path / "ip.bin")
    refused("unsupported_ip_adapter", "no IP-Adapter", model, model / "unet" / "diffusion_pytorch_model.safetensors")
    faces = {"image_proj__proj.2.weight": torch.ones(2, 2), "image_proj__proj.weight": None}
    refused("unsupported_ip_adapter", "FaceID", model, save_ip_adapter(tmp_path / "faces", model, **faces))
    wide = save_ip_adapter(tmp_path / "wide", model, **{"image_proj__proj.weight": torch.ones(1, 20_000)})
    refused("unsupported_ip_adapter", "20000", model, wide)
    last = {"ip_adapter__1.to_k_ip.weight": torch.ones(16, 24)}
    refused("ip_adapter_mismatch", "24 wide", model, save_ip_adapter(tmp_path / "texts", model, **last))
    other = {"ip_adapter__1.to_v_ip.weight": torch.ones(3, 16)}
    refused("broken_model", "cannot be loaded", model, save_ip_adapter(tmp_path / "shape", model, **other))
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(adapter.read_bytes())
    assert "image_encoder" in refused("ip_adapter_mismatch", "needs a network", model, alone).message


@pytest.mark.parametrize("family", ["stable_diffusion_3", "ddpm"])
def test_families_without_ip_adapters_say_so(family, tmp_path, seeing):
    folder = save_family(family, tmp_path / "model")
    refused("unsupported_ip_adapter", "take no IP-Adapter", folder, seeing[1])


def test_the_forecast_counts_it(job):
    spec = job("job").read_spec()
    without = dataclasses.replace(spec, picture=None, model=dataclasses.replace(spec.model, ip_adapter=""))
    needs, plain = needs_of(spec, CPU), needs_of(without, CPU)
    added = load_score_model(spec.model).parameter_count - load_score_model(without.model).parameter_count
    assert needs.networks[IP_ADAPTER].weights == pytest.approx(4 * added)
    assert needs.weights == plain.weights + needs.networks[IP_ADAPTER].weights
    encoder = CLIPVisionModelWithProjection.from_pretrained(Path(spec.model.ip_adapter).parent / "image_encoder")
    assert needs.seeing == pytest.approx(4 * sum(parameter.numel() for parameter in encoder.parameters()), rel=0.01)
    # A large encoder, which sees the picture before the first step, is what takes the most main memory.
    large = dataclasses.replace(needs, seeing=10**12)
    assert large.memory(memory_levels()[0], on_card=True) > 10**12


def test_the_files_of_a_picture_are_read_as_a_strangers(tmp_path):
    path = tmp_path / "picture.npz"
    digest = write(path, a_picture(3, 5))
    assert np.array_equal(read_picture(path, digest), a_picture(3, 5))
    with pytest.raises(SjcError, match="is not the one that the job was made with"):
        read_picture(path, "0" * 64)
    for pixels in (
        np.zeros((3, 5, 4), np.uint8),
        np.zeros((3, 5), np.uint8),
        np.zeros((3, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((1, MOST_SIDE + 1, 3), np.uint8),
        np.zeros((2 * MOST_SIDE, MOST_SIDE, 3), np.uint8),
    ):
        own = write(path, pixels)
        with pytest.raises(SjcError) as caught:
            read_picture(path, own)
        assert caught.value.code == "picture_missing"


def test_a_picture_is_a_file_of_its_job(job):
    folder = job("job")
    assert folder.picture in folder.inputs and folder.picture in folder.own_files()
    assert folder.delete() == [] and not folder.path.exists()
