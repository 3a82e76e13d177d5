"""Previews by the model's own decoder, a tiny one from the cache, or a linear map."""

import dataclasses

import pytest
import torch
from diffusers import AutoencoderTiny

from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.preview_decoder import preview_decoder
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.tiny_families import save_family

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = {}

    def make(family):
        if family not in made:
            made[family] = str(save_family(family, tmp_path_factory.mktemp("family") / family))
        return made[family]

    return make


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def decoder(source, kind):
    spec = ModelSpec(source, device="cpu", preview_decoder=kind)
    return preview_decoder(spec, load_profile(source), load_score_model(spec))


def put_tiny_decoder(cache, hub_id, channels):
    repository = cache / ("models--" + hub_id.replace("/", "--"))
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    tiny = AutoencoderTiny(
        latent_channels=channels,
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_decoder_blocks=(1,) * 4,
    )
    tiny.save_pretrained(repository / "snapshots" / COMMIT)
    return tiny


def test_the_linear_map_is_that_of_the_profile(folder):
    source = folder("stable_diffusion")
    profile = load_profile(source)
    latents = torch.zeros(1, 4, 2, 2)
    latents[0, 1, 0, 1] = 0.5
    picture = decoder(source, "linear")(latents)
    expected = [b + 0.5 * w for b, w in zip(profile.latent_rgb_bias, profile.latent_rgb[1], strict=True)]
    assert picture.shape == (1, 3, 2, 2)
    torch.testing.assert_close(picture[0, :, 0, 1], torch.tensor(expected))
    torch.testing.assert_close(picture[0, :, 1, 1], torch.tensor(profile.latent_rgb_bias))


@pytest.mark.parametrize(
    ("family", "hub_id", "channels"),
    [("stable_diffusion_xl", "madebyollin/taesdxl", 4), ("stable_diffusion_3", "madebyollin/taesd3", 16)],
)
def test_the_tiny_decoder_of_the_family_is_taken_from_the_cache(folder, hub_cache, family, hub_id, channels):
    tiny = put_tiny_decoder(hub_cache, hub_id, channels)
    latents = torch.randn(1, channels, 4, 4)
    with torch.no_grad():
        expected = (tiny.decode(latents).sample / 2 + 0.5).clamp(0, 1)
    torch.testing.assert_close(decoder(folder(family), "tiny")(latents), expected)


def test_a_tiny_decoder_that_is_not_there_is_told_with_the_command_that_fetches_it(folder, hub_cache):
    with pytest.raises(SjcError) as error:
        decoder(folder("stable_diffusion"), "tiny")
    assert error.value.code == "no_preview_decoder"
    assert "hf download madebyollin/taesd" in error.value.hint


def test_a_family_without_a_linear_map_says_what_else_there_is(folder):
    with pytest.raises(SjcError) as error:
        decoder(folder("stable_diffusion_3"), "linear")
    assert error.value.code == "no_preview_decoder"
    assert '"tiny"' in error.value.hint


def test_pixels_need_no_decoder(folder):
    pixels = torch.rand(1, 3, 4, 4) * 2 - 1
    for kind in ("full", "tiny", "linear"):
        torch.testing.assert_close(decoder(folder("ddpm"), kind)(pixels), pixels / 2 + 0.5)


def test_a_linear_map_of_another_number_of_channels_is_not_used(folder):
    source = folder("stable_diffusion_3")
    spec = ModelSpec(source, device="cpu", preview_decoder="linear")
    profile = dataclasses.replace(load_profile(source), latent_rgb=((1.0, 1.0, 1.0),) * 4)
    with pytest.raises(SjcError):
        preview_decoder(spec, profile, load_score_model(spec))
