# SPDX-License-Identifier: GPL-3.0-or-later
"""The finest detail of samples, in which there is next to nothing of a picture."""

from __future__ import annotations

import torch

FINE = 0.3
"""Cycles a sample from which detail is fine; 0.5 is the finest."""


def fine_share(samples: torch.Tensor, noise: torch.Tensor) -> float:
    """How much of the noise's fine detail is in samples; both [N, C, H, W]."""
    detail = _fine(noise)
    return float((_fine(samples) * detail).mean() / detail.square().mean())


def _fine(samples: torch.Tensor) -> torch.Tensor:
    axes = [torch.fft.fftfreq(side, device=samples.device).abs() for side in samples.shape[-2:]]
    fine = torch.maximum(axes[0][:, None], axes[1][None]) > FINE
    detail: torch.Tensor = torch.fft.ifft2(torch.fft.fft2(samples) * fine).real
    return detail
