"""Whether a result is what the prompt says, and from which sides it shows its front."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.quality.janus import is_turned
from benchmarks.quality.looks import AZIMUTHS
from benchmarks.quality.recogniser import COLOUR_NAMES, NAMES, Recogniser, recognise
from training.shapes import SYMMETRIC


def recognition(network: Recogniser, pictures: Tensor, name: str, colour: str) -> dict[str, float]:
    """Look at the eight views of a result.

    Parameters
    ----------
    network : Recogniser
    pictures : Tensor [8, 3, 64, 64]
        From `AZIMUTHS`, in their order.
    name, colour : str
        What the prompt says.

    Returns
    -------
    dict
        ``object`` and ``colour`` are 1 where the mean of the views' probabilities is highest for the prompt's,
        ``recognition`` where both are; ``janus_rate`` is the share of views that are taken for another side, NaN for
        an object without a front.
    """
    seen = recognise(network, pictures)
    kind = NAMES[int(seen.objects.mean(0).argmax())] == name
    tint = COLOUR_NAMES[int(seen.colours.mean(0).argmax())] == colour
    turned = is_turned(seen.sectors, torch.tensor(AZIMUTHS))
    return {
        "recognition": float(kind and tint),
        "object": float(kind),
        "colour": float(tint),
        "janus_rate": float("nan") if name in SYMMETRIC else float(turned.float().mean()),
    }
