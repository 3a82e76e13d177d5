"""The three parameterisations as one denoiser, from their definitions."""

import math

import pytest

from sjc_blender.engine.score_models.preconditioning import preconditioning

X, N = 0.7, -1.3


@pytest.mark.parametrize("sigma", [0.03, 0.5, 1.0, 14.6, 150.0])
@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
def test_a_perfect_prediction_gives_the_clean_sample_back(prediction_type, sigma):
    alpha_bar = 1 / (1 + sigma**2)
    x_t = math.sqrt(alpha_bar) * X + math.sqrt(1 - alpha_bar) * N
    prediction = {
        "epsilon": N,
        "v_prediction": math.sqrt(alpha_bar) * N - math.sqrt(1 - alpha_bar) * X,
        "sample": X,
    }[prediction_type]
    z = X + sigma * N
    factors = preconditioning(prediction_type, sigma)
    assert factors.c_in * z == pytest.approx(x_t, rel=1e-12)
    assert factors.c_skip * z + factors.c_out * prediction == pytest.approx(X, rel=1e-10)


def test_an_unknown_prediction_type_is_named():
    with pytest.raises(ValueError, match="'x_prediction'"):
        preconditioning("x_prediction", 1.0)
