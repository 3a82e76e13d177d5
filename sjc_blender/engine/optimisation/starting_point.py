# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a job's folder that it starts from or is constrained by: a proxy, an origin, a region."""

from __future__ import annotations

from ...protocol.errors import SjcError
from ...protocol.guide import guide_picture_of
from ...protocol.job_folder import JobFolder
from ...protocol.proxy import grid_shape
from ...protocol.spec import OriginSpec
from .. import checkpoint
from ..radiance.field_origin import begin_anew, field_of, start_from_origin
from ..radiance.guide_file import read_guide
from ..radiance.kept_field import KeptField
from ..radiance.occupancy_file import read_occupancy
from ..radiance.picture_input import read_picture
from ..radiance.proxy import Proxy
from ..score_models.pipeline_model import PipelineModel
from ..score_models.zero123 import Zero123
from .guide import Guide
from .seen_picture import SeenPicture
from .sjc import ScoreJacobianChaining


def prepare(sjc: ScoreJacobianChaining, folder: JobFolder) -> None:
    """Load a job's proxy, origin and region into a new run; a checkpoint may be restored afterwards.

    Raises
    ------
    SjcError
        As `read_occupancy`, `read_guide`, `read_picture`, `checkpoint.load_origin` and `start_from_origin`;
        ``region_needs_same_grid``.
    """
    settings = sjc.spec.field
    if settings.proxy is not None and settings.proxy.looseness < 1:
        sjc.proxy = Proxy(read_occupancy(folder.proxy, settings.proxy.digest), settings.proxy.looseness)
        sjc.proxy.start(sjc.field)
    if sjc.spec.guide is not None:
        assert isinstance(sjc.model, PipelineModel)  # it was loaded with a ControlNet, or refused
        pixels = sjc.render_size * sjc.model.control_pixels
        shape = read_guide(folder.guide, sjc.spec.guide.digest)
        kind = guide_picture_of(sjc.spec.guide.picture, sjc.spec.model.control)
        assert kind is not None  # the spec was judged
        sjc.guide = Guide(*shape, sjc.spec.guide, kind, pixels, sjc.model.device)
    if sjc.spec.picture is not None:
        picture = read_picture(folder.picture, sjc.spec.picture.digest)
        if isinstance(sjc.model, Zero123):
            sjc.model.show_picture(picture, sjc.spec.picture.elevation, sjc.render_size)
        else:
            assert isinstance(sjc.model, PipelineModel)  # it was loaded with an IP-Adapter, or refused
            sjc.picture = SeenPicture(sjc.model.embed_picture(picture), sjc.spec.picture)
    if settings.origin is not None:
        _take_over(sjc, folder, settings.origin)


def _take_over(sjc: ScoreJacobianChaining, folder: JobFolder, origin: OriginSpec) -> None:
    state = checkpoint.load_origin(folder.origin, origin.digest)
    learned = sjc.spec.field.background_kind == "texture"
    shape = tuple(state["density_grid"].shape[1:])
    if origin.region and shape != grid_shape(sjc.spec.domain.half_extents, sjc.spec.field.resolution):
        sizes = " x ".join(map(str, shape))
        raise SjcError(
            "region_needs_same_grid",
            f"What is outside the region stays as it is, on a grid of {sizes} voxels; the job has another one.",
            "Leave field.resolution as it is in the job that is edited, or edit without a region.",
        )
    noise = sjc.field.feature_grid.detach().clone() if origin.anew else None
    other = field_of(state, sjc.field)
    # The background is kept too.
    background = origin.features and (learned or bool(origin.region))
    start_from_origin(sjc.field, other, features=origin.features, background=background)
    if origin.region:
        sjc.kept = KeptField(other, read_occupancy(folder.region, origin.region))
        if noise is not None:
            begin_anew(sjc.field, noise, sjc.kept.free(sjc.field))
