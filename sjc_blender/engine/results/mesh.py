# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface of a finished job's grid."""

from __future__ import annotations

from ...protocol.errors import SjcError
from ...protocol.events import Warned
from ...protocol.spec import JobSpec
from ...protocol.views import lowest_view
from ...surface.surface import Surface, SurfaceCutter
from ..radiance.radiance_grid import RadianceGrid
from ..reporter import Report


def extract_mesh(grid: RadianceGrid, spec: JobSpec, report: Report) -> Surface:
    """Cut the surface of a grid as the job asks for it.

    Parameters
    ----------
    spec : JobSpec
        Of the job. A threshold that nothing in the grid reaches gives way to the automatic one: hours of work are not
        thrown away for it.
    report : callable
        Warned if that happened.

    Raises
    ------
    SjcError
        ``empty_field`` if there is no density anywhere.
    """
    density, rgb = grid.density_grid.detach().cpu().numpy(), grid.rgb_grid.detach().cpu().numpy()
    outputs = spec.outputs
    cutter = SurfaceCutter(density, rgb, grid.voxel_size, outputs.mesh_smoothing, lowest_view(spec))
    try:
        return cutter.cut(outputs.mesh_threshold)
    except SjcError as error:
        if error.code != "threshold_too_high":
            raise
        report(Warned(f"{error.message} The automatic one was used."))
        return cutter.cut()
