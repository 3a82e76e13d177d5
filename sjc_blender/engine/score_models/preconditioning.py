# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network predicts, told as a denoiser: D(z) = c_skip z + c_out F(c_in z), z = x + sigma n.

The three words are those of Karras et al., https://arxiv.org/abs/2206.00364, Table 1. Variance-preserving networks see
x_t = sqrt(abar) x + sqrt(1 - abar) n = c_in z, so c_in = sqrt(abar) = 1 / sqrt(1 + sigma^2); rectified flows see
x_t = (1 - t) x + t n = c_in z, so c_in = 1 - t = 1 / (1 + sigma); score networks see z itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

VARIANCE_PRESERVING = ("epsilon", "v_prediction", "sample")
"""Prediction types in the words of diffusers' schedulers."""

FLOW, SCORE = "flow", "score"
EDM = {"epsilon": "edm_epsilon", "v_prediction": "edm_v_prediction"}
"""Networks with the preconditioning of EDM, by the prediction types of its schedulers, which differ in a sign."""


@dataclass(frozen=True)
class Preconditioning:
    """Factors of one noise level: of the network's input, of z and of the network's output."""

    c_in: float
    c_skip: float
    c_out: float


def preconditioning(prediction_type: str, sigma: float, sigma_data: float = 1.0) -> Preconditioning:
    """Factors for a network that predicts one of the following.

    ``"epsilon"``, the noise; ``"v_prediction"``, sqrt(abar) n - sqrt(1 - abar) x; ``"sample"``, x; `FLOW`, n - x;
    `SCORE`, the gradient of log p(z), already divided by sigma; those of `EDM`, F of EDM's Table 1 or its negative.

    Parameters
    ----------
    prediction_type : str
    sigma : float
    sigma_data : float
        Deviation of the data, of `EDM` alone.

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
        case "flow":
            # D = x_t - t v, https://arxiv.org/abs/2403.03206, section 2.
            return Preconditioning(1.0 / (1.0 + sigma), 1.0 / (1.0 + sigma), -sigma / (1.0 + sigma))
        case "score":
            # Tweedie's formula.
            return Preconditioning(1.0, 1.0, sigma * sigma)
        case "edm_epsilon" | "edm_v_prediction":
            variance = sigma * sigma + sigma_data * sigma_data
            c_out = sigma * sigma_data / math.sqrt(variance)
            sign = 1.0 if prediction_type == EDM["epsilon"] else -1.0
            return Preconditioning(1.0 / math.sqrt(variance), sigma_data * sigma_data / variance, sign * c_out)
    known = ", ".join((*VARIANCE_PRESERVING, FLOW, SCORE, *EDM.values()))
    raise ValueError(f"prediction type {prediction_type!r} is none of {known}")
