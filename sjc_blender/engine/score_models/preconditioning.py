"""What a variance-preserving network predicts, told as a denoiser: D(z) = c_skip z + c_out F(c_in z).

The three words are those of Karras et al., https://arxiv.org/abs/2206.00364, Table 1. Their values follow from
x_t = c_in z with z = x + sigma n, sqrt(abar) = c_in = 1 / sqrt(1 + sigma^2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PREDICTION_TYPES = ("epsilon", "v_prediction", "sample")


@dataclass(frozen=True)
class Preconditioning:
    """Factors of one noise level: of the network's input, of z and of the network's output."""

    c_in: float
    c_skip: float
    c_out: float


def preconditioning(prediction_type: str, sigma: float) -> Preconditioning:
    """Factors for a network that predicts the noise, v = sqrt(abar) n - sqrt(1 - abar) x, or the clean sample.

    Parameters
    ----------
    prediction_type : str
        One of `PREDICTION_TYPES`, a diffusers scheduler's words.
    sigma : float

    Raises
    ------
    ValueError
        For any other prediction type.
    """
    c_in = 1.0 / math.sqrt(1.0 + sigma * sigma)
    match prediction_type:
        case "epsilon":
            return Preconditioning(c_in, 1.0, -sigma)
        case "v_prediction":
            return Preconditioning(c_in, c_in * c_in, -sigma * c_in)
        case "sample":
            return Preconditioning(c_in, 0.0, 1.0)
    raise ValueError(f"prediction type {prediction_type!r} is none of {', '.join(PREDICTION_TYPES)}")
