"""How far the colour of a result's main part is from the one asked for."""

from __future__ import annotations

import numpy as np
from skimage.color import rgb2lab

from benchmarks.quality.looks import AZIMUTHS, ELEVATION, SIZE, Lens, Looks
from training.shapes import COLOURS
from training.tracing import Camera, colourise, shade


def colour_error(looks: Looks, name: str, colour: str, lens: Lens | None = None) -> float:
    """Mean CIELAB distance (CIE 1976) to a picture of the true shape from the same camera.

    Over the pixels where the true shape shows its main part and the result is solid, shading included; NaN where
    there are none. About 2 is just noticeable.
    """
    lens = lens or Lens.usual()
    cameras = [Camera(azimuth, ELEVATION, lens.distance, lens.field_of_view) for azimuth in AZIMUTHS]
    base, mask = shade(name, cameras, SIZE)
    # Where the main part is all that a pixel sees, the base picture is black.
    main = (mask > 0) & (base.max(-1) == 0)
    wanted = rgb2lab(colourise(base, mask, COLOURS[colour]).clip(0, 1))
    found = rgb2lab(looks.pictures.permute(0, 2, 3, 1).numpy().astype(np.float64))
    compared = main & (looks.opacity.numpy() > 0.9)
    if not compared.any():
        return float("nan")
    return float(np.linalg.norm(found - wanted, axis=-1)[compared].mean())
