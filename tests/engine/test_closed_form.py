"""The closed-form denoiser against hand-computed posteriors."""

import math

import pytest
import torch

from sjc_blender.engine.score_models.closed_form import ClosedFormDenoiser
from sjc_blender.engine.score_models.conditioning import Conditioner
from sjc_blender.engine.score_models.score_model import Condition

BLACK, GREY, WHITE = (torch.full((3, 4, 4), value) for value in (-1.0, 0.0, 1.0))
LEVELS = torch.tensor([1e-3, 1.0, 20.0, 1e4], dtype=torch.float64)


def test_two_images_are_weighted_by_their_likelihood():
    model = ClosedFormDenoiser(torch.stack([BLACK, WHITE]), LEVELS)
    z = torch.full((1, 3, 4, 4), 0.01)
    # 48 pixels: the log likelihoods differ by 48 (1.01^2 - 0.99^2) / 2 = 0.96.
    white = 1 / (1 + math.exp(-0.96))
    torch.testing.assert_close(model.denoise(z, 1, Condition()), torch.full_like(z, 2 * white - 1))


def test_without_noise_the_nearest_image_comes_back():
    images = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    model = ClosedFormDenoiser(images, LEVELS)
    torch.testing.assert_close(model.denoise(images + 1e-3, 0, Condition()), images)


def test_under_endless_noise_the_mean_of_the_images_comes_back():
    images = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    z = 1e4 * torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    denoised = ClosedFormDenoiser(images, LEVELS).denoise(z, 3, Condition())
    torch.testing.assert_close(denoised[0], images.mean(dim=0), rtol=0, atol=5e-3)


def test_weights_are_right_at_low_noise_and_64_pixels():
    sigma = 0.03
    generator = torch.Generator().manual_seed(0)
    first = torch.rand(3, 64, 64, generator=generator) * 2 - 1
    second = first + 3e-4 * torch.randn(3, 64, 64, generator=generator)
    z = first + sigma * torch.randn(3, 64, 64, generator=generator)
    logits = [-((z.double() - x.double()) ** 2).sum() / (2 * sigma**2) for x in (first, second)]
    share = torch.sigmoid(logits[1] - logits[0])
    expected = (1 - share) * first.double() + share * second.double()
    model = ClosedFormDenoiser(torch.stack([first, second]), torch.tensor([sigma], dtype=torch.float64))
    denoised = model.denoise(z[None], 0, Condition())[0].double()
    assert 0.05 < share < 0.95
    assert (denoised - expected).abs().max() < 2e-3 * (second - first).abs().max()


def test_the_images_of_a_viewpoint_replace_the_set():
    model = ClosedFormDenoiser(torch.stack([BLACK, WHITE]), LEVELS)
    black_grey, white = (Condition(torch.stack(some)[None]) for some in ([BLACK, GREY], [WHITE]))
    conditioner = Conditioner(lambda viewpoint: black_grey if viewpoint else white)
    z = torch.full((2, 3, 4, 4), 0.9)
    near = LEVELS.tolist().index(1e-3)
    torch.testing.assert_close(model.denoise(z, near, conditioner.at(True)), torch.zeros_like(z))
    torch.testing.assert_close(model.denoise(z, near, conditioner.at(False)), torch.ones_like(z))


def test_texts_stand_for_all_images_so_that_prompts_work_unchanged():
    model = ClosedFormDenoiser(torch.stack([BLACK, WHITE]), LEVELS)
    embeddings = model.encode(["front view of a duck", "side view of a duck"])
    blended = 0.25 * embeddings[:1] + 0.75 * embeddings[1:]
    z = torch.full((3, 3, 4, 4), 0.01)
    torch.testing.assert_close(
        model.denoise(z, 1, Condition(blended, embeddings[:1], 5.0)), model.denoise(z, 1, Condition())
    )


def test_samples_decode_to_srgb_between_0_and_1():
    model = ClosedFormDenoiser(torch.stack([BLACK, WHITE]))
    samples = torch.tensor([-1.0, 0.0, 1.0, 3.0]).reshape(4, 1, 1, 1).expand(4, 3, 2, 2)
    torch.testing.assert_close(model.decode(samples)[:, 0, 0, 0], torch.tensor([0.0, 0.5, 1.0, 1.0]))


def test_only_square_rgb_images_are_taken():
    with pytest.raises(ValueError, match=r"\(2, 1, 4, 4\)"):
        ClosedFormDenoiser(torch.zeros(2, 1, 4, 4))
