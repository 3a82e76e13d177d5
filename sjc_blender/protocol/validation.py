# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of job specs: every fault is listed at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from . import codec
from .errors import Fault, InvalidSpec
from .guide import PICTURES, guide_picture_of
from .layers import LOSS_WEIGHTS
from .model_families import needs_prompt, takes_adapters, takes_picture, views_together
from .removed_settings import without_removed
from .spec import SPEC_VERSION, Camera, CameraRig, DomainSpec, JobSpec, Matrix, ModelSpec, OrbitRig

MAX_RESOLUTION = 512
MAX_STEPS = 1_000_000
MAX_NOISE_LEVELS = 10_000
MAX_BATCH = 64
MAX_PROMPT = 10_000

MAX_SCORE_WEIGHT = 50.0
"""Largest weight of a loss in units of the score: anything beyond is a number in the published unit."""


def spec_from_json(data: Any, *, look_at_model: bool = True) -> JobSpec:
    """Decode and validate a spec.

    Parameters
    ----------
    data : value
        As JSON has it.
    look_at_model : bool
        Whether a model that lies on this computer is asked if it needs a prompt. False for a spec from anywhere, whose
        model may be any path.

    Raises
    ------
    InvalidSpec
        With all faults: of form (unknown or missing fields, wrong kinds) and, where the
        form allows to look at them, of value.
    """
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version != SPEC_VERSION:
        raise InvalidSpec([Fault("version", version, f"{SPEC_VERSION}, the version this release reads")])
    data, removed = without_removed(data)
    spec, faults = codec.decode(JobSpec, data)
    if spec is None or removed:
        raise InvalidSpec([*removed, *faults])
    return validated(spec, look_at_model=look_at_model)


def validated(spec: JobSpec, *, look_at_model: bool = True) -> JobSpec:
    """Return `spec` unchanged, or raise `InvalidSpec` with every invalid value."""
    found = faults(spec, look_at_model=look_at_model)
    if found:
        raise InvalidSpec(found)
    return spec


def faults(spec: JobSpec, *, look_at_model: bool = True) -> list[Fault]:
    """Return every invalid value in `spec`; empty if it can run."""
    check = Checker()
    described = bool(spec.prompt.strip()) or not look_at_model or not needs_prompt(spec.model.source)
    wanted = 'a description of the object, such as "a red chair"; of a model of classes, the name of one'
    check("prompt", spec.prompt, described, wanted)
    short = f"at most {MAX_PROMPT} characters"
    check("prompt", spec.prompt, len(spec.prompt) <= MAX_PROMPT, short)
    check("negative_prompt", spec.negative_prompt, len(spec.negative_prompt) <= MAX_PROMPT, short)
    check("seed", spec.seed, 0 <= spec.seed < 2**63, "0 or a positive whole number")
    _model(check, spec.model)
    _domain(check, spec.domain)
    if isinstance(spec.cameras, OrbitRig):
        _orbit(check, spec.cameras)
    else:
        _cameras(check, spec.cameras, spec.domain)
    _field(check, spec)
    _optimisation(check, spec)
    _guide(check, spec)
    _picture(check, spec, look_at_model=look_at_model)
    if look_at_model:
        _texts(check, spec)
        _views_together(check, spec, views_together(spec.model.source))
    _outputs(check, spec)
    return check.faults


def camera_faults(camera: Camera, name: str, domain: DomainSpec | None = None) -> list[Fault]:
    """Every fault of a camera; `name` begins the fields' names. Without a domain: of the camera by itself."""
    check = Checker()
    if domain is None:
        _camera_form(check, name, camera)
    else:
        _camera(check, name, camera, domain)
    return check.faults


class Checker:
    """Collects faults of a job, or of a profile. Its methods return whether what was checked is good."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def __call__(self, field: str, value: Any, good: bool, allowed: str) -> bool:
        """Note a fault of a field unless it is good."""
        if not good:
            self.faults.append(Fault(field, value, allowed))
        return good

    def number(self, field: str, value: float, good: Callable[[float], bool], allowed: str) -> bool:
        """Note a fault unless a number is finite and good."""
        return self(field, value, math.isfinite(value) and good(value), allowed)

    def ordered(self, field: str, value: tuple[float, float], low: float, high: float, unit: str) -> bool:
        """Note a fault unless two finite numbers rise within limits."""
        good = all(map(math.isfinite, value)) and low <= value[0] <= value[1] <= high
        return self(field, value, good, f"two numbers in rising order between {low:g} and {high:g} {unit}".strip())


def _model(check: Checker, model: ModelSpec) -> None:
    check("model.source", model.source, bool(model.source.strip()), '"builtin", a folder, a file or an id')
    for index, adapter in enumerate(model.adapters):
        path = f"model.adapters[{index}]"
        check(f"{path}.path", adapter.path, bool(adapter.path.strip()), "a .safetensors file")
        check.number(f"{path}.weight", adapter.weight, lambda x: -10 <= x <= 10, "-10 to 10")


def _texts(check: Checker, spec: JobSpec) -> None:
    """What means nothing to a model that reads no text."""
    negative, adapters = spec.negative_prompt, spec.model.adapters
    read = not negative.strip() or needs_prompt(spec.model.source)
    check("negative_prompt", negative, read, "empty with a model that reads no prompts")
    if adapters and not takes_adapters(spec.model.source):
        paths = ", ".join(adapter.path for adapter in adapters)
        check("model.adapters", paths, False, "no LoRAs and embeddings with a model that reads no text")


def _domain(check: Checker, domain: DomainSpec) -> None:
    extents = domain.half_extents
    good = all(math.isfinite(e) and e > 0 for e in extents) and abs(max(extents) - 1) < 1e-6
    check(
        "domain.half_extents", extents, good, "three positive numbers, the longest 1 (a domain of zero size is empty)"
    )
    check(
        "domain.matrix_world",
        domain.matrix_world,
        _is_similarity(domain.matrix_world),
        "a rotation, a uniform positive scale and a translation (no shear, no zero scale)",
    )
    if domain.floor is not None:
        check.number("domain.floor", domain.floor, lambda x: abs(x) <= 2, "-2 to 2, or null")


def _orbit(check: Checker, rig: OrbitRig) -> None:
    check.ordered("cameras.distance", rig.distance, 1e-3, 1e3, "domain units")
    check.ordered("cameras.azimuth", rig.azimuth, -360, 360, "degrees")
    check.ordered("cameras.elevation", rig.elevation, -90, 90, "degrees")
    check.ordered("cameras.field_of_view", rig.field_of_view, 1, 170, "degrees")


def _cameras(check: Checker, rig: CameraRig, domain: DomainSpec) -> None:
    check("cameras.cameras", (), bool(rig.cameras), "at least one camera; add cameras to the rig's collection")
    check.number("cameras.jitter", rig.jitter, lambda x: 0 <= x <= 90, "0 to 90 degrees")
    for index, camera in enumerate(rig.cameras):
        _camera(check, f"cameras.cameras[{index}] ({camera.name!r})", camera, domain)
    if rig.cameras and not any(camera.weight > 0 for camera in rig.cameras):
        check("cameras.cameras", "all weights are 0", False, "at least one camera with a weight above 0")


def _camera(check: Checker, label: str, camera: Camera, domain: DomainSpec) -> None:
    if not _camera_form(check, label, camera):
        return
    eye = tuple(row[3] for row in camera.pose[:3])
    inside = all(abs(e) < h for e, h in zip(eye, domain.half_extents, strict=True))
    if camera.projection == "perspective" and inside:
        check(label, "inside the domain", False, "a camera outside the domain box; move it back or shrink the box")
    elif not _sees_domain(camera, domain):
        check(label, "does not see the domain", False, "a camera that has the domain box in its view; turn it there")


def _camera_form(check: Checker, label: str, camera: Camera) -> bool:
    rigid = _is_similarity(camera.pose, scale=1.0)
    check(f"{label}.pose", camera.pose, rigid, "a rotation and a translation without scale")
    left, right, bottom, top = camera.window
    window = check(f"{label}.window", camera.window, left < right and bottom < top, "left < right and bottom < top")
    text = camera.view_text
    check(f"{label}.view_text", text, len(text) <= MAX_PROMPT, f"at most {MAX_PROMPT} characters")
    check.number(f"{label}.weight", camera.weight, lambda x: x >= 0, "0 or more")
    return rigid and window


def _sees_domain(camera: Camera, domain: DomainSpec) -> bool:
    """Whether the image window meets the bounds of the projected box corners."""
    xs, ys = [], []
    left, right, bottom, top = camera.window
    for sign in range(8):
        corner = [h if sign >> axis & 1 else -h for axis, h in enumerate(domain.half_extents)]
        offset = [c - row[3] for c, row in zip(corner, camera.pose[:3], strict=True)]
        x, y, z = (sum(camera.pose[row][axis] * offset[row] for row in range(3)) for axis in range(3))
        if camera.projection == "perspective":
            if z > -1e-6:
                continue
            x, y = x / -z, y / -z
        elif z > 0:
            continue
        xs.append(x)
        ys.append(y)
    return bool(xs) and max(xs) > left and min(xs) < right and max(ys) > bottom and min(ys) < top


def _field(check: Checker, spec: JobSpec) -> None:
    field = spec.field
    allowed = f"8 to {MAX_RESOLUTION} voxels"
    check("field.resolution", field.resolution, 8 <= field.resolution <= MAX_RESOLUTION, allowed)
    check.number("field.feature_std", field.feature_std, lambda x: x >= 0, "0 or more")
    if field.proxy is not None:
        check.number("field.proxy.looseness", field.proxy.looseness, lambda x: 0 <= x <= 1, "0 (held) to 1 (free)")
    if field.origin is not None:
        by_itself = "none where there is an origin, which is a start by itself"
        check("field.proxy", field.proxy, field.proxy is None, by_itself)
        check("field.blob_density", field.blob_density, field.blob_density == 0, f"0: {by_itself}")
        kept = field.origin.features or not field.origin.region
        check(
            "field.origin.features", field.origin.features, kept, "true where there is a region, which keeps the rest"
        )
        nowhere = field.origin.anew and not field.origin.region
        check("field.origin.anew", field.origin.anew, not nowhere, "false where there is no region to begin anew")
    if check.number("field.blob_density", field.blob_density, lambda x: 0 <= x <= 20, "0 (none) to 20"):
        alone = field.proxy is None or field.blob_density == 0
        check("field.blob_density", field.blob_density, alone, "0 where there is a proxy, which is a start by itself")
    if field.stages:
        starts, sizes = zip(*field.stages, strict=True)
        good = starts[0] == 0 and starts[-1] < 1 and all(a < b for a, b in itertools.pairwise(starts))
        good &= sizes[0] >= 8 and sizes[-1] == field.resolution and all(a < b for a, b in itertools.pairwise(sizes))
        wanted = "[share of the steps, voxels] both rising, the first share 0, the last below 1, the first voxels 8 or"
        check("field.stages", field.stages, good, f"{wanted} more, the last field.resolution ({field.resolution})")


def _optimisation(check: Checker, spec: JobSpec) -> None:
    o = spec.optimisation
    check("optimisation.steps", o.steps, 1 <= o.steps <= MAX_STEPS, f"1 to {MAX_STEPS}")
    good = 0 <= o.schedule_steps <= o.steps
    check("optimisation.schedule_steps", o.schedule_steps, good, "0 (the same as the steps) to the number of steps")
    for name in ("learning_rate", "background_learning_rate"):
        check.number(f"optimisation.{name}", getattr(o, name), lambda x: 0 <= x <= 10, "0 to 10")
    check.number("optimisation.guidance_scale", o.guidance_scale, lambda x: 0 <= x <= 1000, "0 to 1000")
    if check.number("optimisation.guidance_rescale", o.guidance_rescale, lambda x: 0 <= x <= 1, "0 to 1"):
        good = o.guidance_rescale == 0 or o.guidance == "classifier_free"
        allowed = "0, because the classifier score is no picture whose contrast could be taken back"
        check("optimisation.guidance_rescale", o.guidance_rescale, good, allowed)
    check.number("optimisation.perp_neg_weight", o.perp_neg_weight, lambda x: 0 <= x <= 10, "0 (off) to 10")
    for name in ("timesteps", "timesteps_end"):
        value = getattr(o, name)
        if value is not None:
            good = 0 <= value[0] <= value[1] < MAX_NOISE_LEVELS
            allowed = f"two whole numbers in rising order within 0 to {MAX_NOISE_LEVELS - 1}"
            check(f"optimisation.{name}", value, good, allowed)
    for name in ("views", "noises"):
        check(f"optimisation.{name}", getattr(o, name), 1 <= getattr(o, name) <= MAX_BATCH, f"1 to {MAX_BATCH}")
    if o.clip is not None:
        good = all(math.isfinite(value) and value > 0 for value in o.clip)
        check("optimisation.clip", o.clip, good, "two numbers above 0, or none")
    check.number("optimisation.sigma_power", o.sigma_power, lambda x: 0 <= x <= 2, "0 to 2")
    for name in ("emptiness_scale", "emptiness_late_factor"):
        check.number(f"optimisation.{name}", getattr(o, name), lambda x: x >= 0, "0 or more")
    most, allowed = math.inf, "0 or more"
    if o.loss_unit == "score":
        most = MAX_SCORE_WEIGHT
        allowed = f"0 to {most:g} in units of the score; for a number as in the paper, optimisation.loss_unit=published"
    for name in LOSS_WEIGHTS:
        check.number(f"optimisation.{name}", getattr(o, name), lambda x: 0 <= x <= most, allowed)
    for name in ("above_until", "emptiness_late_start"):
        check.number(f"optimisation.{name}", getattr(o, name), lambda x: 0 <= x <= 1, "0 to 1")
    check.number("optimisation.sharpening", o.sharpening, lambda x: 1 <= x <= 100, "1 (none) to 100")
    check.number("optimisation.sharpening_start", o.sharpening_start, lambda x: 0 < x <= 1, "above 0, to 1")
    check("optimisation.render_size", o.render_size, 0 <= o.render_size <= 1024, "0 (the model's own) to 1024 pixels")
    check("optimisation.checkpoint_every", o.checkpoint_every, o.checkpoint_every >= 1, "1 or more steps")


def _guide(check: Checker, spec: JobSpec) -> None:
    guide, control = spec.guide, spec.model.control
    if guide is None:
        by_itself = "empty where there is no guide: name the objects that a ControlNet is to follow too"
        check("model.control", control, not control, by_itself)
        return
    wanted = (
        "a ControlNet, which the guide acts through (for depth, normals or edges): its folder, or its id in the cache"
    )
    if check("model.control", control, bool(control.strip()), wanted):
        words = f"{', '.join(PICTURES[:-1])} or {PICTURES[-1]}"
        wanted = f"with guide.picture=auto one whose name tells whether it is for {words}; else choose guide.picture"
        check("model.control", control, guide_picture_of(guide.picture, control) is not None, wanted)
    check.number("guide.strength", guide.strength, lambda x: 0 < x <= 2, "above 0, to 2")
    check.ordered("guide.levels", guide.levels, 0, 1, "(0: no noise)")


def _views_together(check: Checker, spec: JobSpec, together: int) -> None:
    """What a model that sees several views at once, which stand evenly around the object, cannot do without."""
    if together == 1:
        return
    whose = f"with a model that sees {together} views around the object at once"
    o = spec.optimisation
    check("optimisation.views", o.views, o.views % together == 0, f"a multiple of {together} {whose}")
    check("optimisation.perp_neg_weight", o.perp_neg_weight, o.perp_neg_weight == 0, f"0 {whose}")
    check("guide", "objects to follow", spec.guide is None, f"none {whose}")
    check("picture", "a picture beside the prompt", spec.picture is None, f"none {whose}")
    if isinstance(spec.cameras, OrbitRig):
        first, last = spec.cameras.azimuth
        check("cameras.azimuth", (first, last), last - first >= 360, f"a whole turn, such as -180 to 180, {whose}")
    else:
        check("cameras.kind", spec.cameras.kind, False, f'"orbit" {whose}; given cameras stay where they are')


def _picture(check: Checker, spec: JobSpec, *, look_at_model: bool) -> None:
    picture, adapter = spec.picture, spec.model.ip_adapter
    if look_at_model and takes_picture(spec.model.source):
        check("picture", "none", picture is not None, "a picture of the object, which this model turns into one")
        check("model.ip_adapter", adapter, not adapter, "empty with a model that turns a picture into an object")
    elif picture is None:
        by_itself = "empty where there is no picture: name the picture that the model is to see too"
        check("model.ip_adapter", adapter, not adapter, by_itself)
    elif look_at_model:
        wanted = "an IP-Adapter, through which the model sees the picture: its .safetensors file"
        check("model.ip_adapter", adapter, bool(adapter.strip()), wanted)
    if picture is not None:
        check.number("picture.strength", picture.strength, lambda x: 0 < x <= 2, "above 0, to 2")
        check.number("picture.reach", picture.reach, lambda x: 0 < x <= 180, "above 0, to 180 degrees")
        check.number("picture.elevation", picture.elevation, lambda x: -90 <= x <= 90, "-90 to 90 degrees")


def _outputs(check: Checker, spec: JobSpec) -> None:
    out = spec.outputs
    check("outputs", "neither volume nor mesh", out.volume or out.mesh, "a volume, a mesh or both")
    if out.mesh_threshold is not None:
        check.number("outputs.mesh_threshold", out.mesh_threshold, lambda x: 0 < x < 1, "between 0 and 1, or automatic")
    check.number("outputs.mesh_smoothing", out.mesh_smoothing, lambda x: 0 <= x <= 3, "0 to 3 voxels")
    check("outputs.mesh_faces", out.mesh_faces, out.mesh_faces == 0 or out.mesh_faces >= 100, "0 (all) or 100 and more")
    good = out.mesh_texture == 0 or 64 <= out.mesh_texture <= 8192
    check("outputs.mesh_texture", out.mesh_texture, good, "0 (no texture) or 64 to 8192 pixels")
    check("outputs.colour_views", out.colour_views, 4 <= out.colour_views <= 256, "4 to 256")
    if out.preview_camera is not None:
        camera = out.preview_camera
        _camera(check, f"outputs.preview_camera ({camera.name!r})", camera, spec.domain)


def _is_similarity(matrix: Matrix, scale: float | None = None, tolerance: float = 1e-4) -> bool:
    columns = [[matrix[row][column] for row in range(3)] for column in range(3)]
    if not all(math.isfinite(value) for row in matrix for value in row):
        return False
    if any(abs(a - b) > tolerance for a, b in zip(matrix[3], (0, 0, 0, 1), strict=True)):
        return False
    lengths = [math.sqrt(sum(v * v for v in column)) for column in columns]
    expected = lengths[0] if scale is None else scale
    if expected < 1e-9 or any(abs(length - expected) > tolerance * expected for length in lengths):
        return False
    pairs = ((0, 1), (0, 2), (1, 2))
    dots = (sum(a * b for a, b in zip(columns[i], columns[j], strict=True)) for i, j in pairs)
    (a, d, g), (b, e, h), (c, f, i) = columns
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return all(abs(dot) <= tolerance * expected**2 for dot in dots) and determinant > 0
