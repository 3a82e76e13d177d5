# SPDX-License-Identifier: GPL-3.0-or-later
"""``sample2d``: 2D samples of a model, to see whether it knows a prompt before 3D."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...protocol import presets
from ...protocol.errors import SjcError
from ...protocol.picture import picture_digest
from ...protocol.spec import PictureSpec
from .arguments import finite
from .file_command import file_command

if TYPE_CHECKING:
    import numpy as np

    from ..reporter import Report

SAMPLERS = ("karras", "langevin", "paas")
STEPS = {"karras": 40, "langevin": 400, "paas": 400}
MOST_PICTURES = 64


def add_sample2d_command(commands: Any) -> None:
    """Add ``sample2d`` to the engine's subcommands."""
    parser = commands.add_parser(
        "sample2d",
        help="draw pictures in 2D with a model",
        epilog='example: python -m sjc_blender.engine sample2d --prompt "a red chair" --azimuth 45 --out chairs.png',
    )
    parser.add_argument("--prompt", default="", help="empty for a model without prompts")
    parser.add_argument("--negative-prompt", default="", metavar="TEXT")
    parser.add_argument("--model", default="builtin", metavar="SOURCE", help="as for generate")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="of the object, for a model that turns a picture into an object"
    )
    parser.add_argument(
        "--picture-elevation", type=finite, default=0.0, metavar="DEGREES", help="from which the picture was taken"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument(
        "--sampler",
        choices=SAMPLERS,
        default="karras",
        help="karras: stochastic Heun; langevin: annealed Langevin; paas: the paper's perturb-and-average ascent",
    )
    parser.add_argument("--steps", type=int, help=", ".join(f"{name} {count}" for name, count in STEPS.items()))
    parser.add_argument(
        "--guidance", type=finite, default=4.0, metavar="SCALE", help="default 4; 1 switches guidance off"
    )
    parser.add_argument(
        "--azimuth", type=finite, default=0.0, metavar="DEGREES", help="direction of view; 0 is the front"
    )
    parser.add_argument("--elevation", type=finite, default=20.0, metavar="DEGREES")
    parser.add_argument(
        "--churn", type=finite, default=80.0, help="karras: noise that is added again; 0: deterministic"
    )
    parser.add_argument("--sigma", type=finite, help="paas: one noise level for all steps (default: annealed)")
    parser.add_argument(
        "--estimator", choices=("eq15", "eq16", "none"), default="eq15", help="paas: the estimator; none: without PAAS"
    )
    parser.add_argument("--noises", type=int, default=1, help="paas: perturbations averaged in a step")
    parser.add_argument("--count", type=int, default=4, help=f"number of pictures, 1 to {MOST_PICTURES}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE.png", help="file for the pictures, side by side"
    )
    parser.set_defaults(command=file_command(_draw))


def _check(arguments: argparse.Namespace) -> None:
    faults = []
    if arguments.steps is not None and arguments.steps < 2:
        faults.append(f"--steps is {arguments.steps}; allowed: 2 or more")
    if not 1 <= arguments.count <= MOST_PICTURES:
        faults.append(f"--count is {arguments.count}; allowed: 1 to {MOST_PICTURES}")
    if arguments.noises < 1:
        faults.append(f"--noises is {arguments.noises}; allowed: 1 or more")
    if arguments.churn < 0:
        faults.append(f"--churn is {arguments.churn:g}; allowed: 0 or more")
    if arguments.out.suffix.lower() != ".png":
        faults.append(f"--out is {str(arguments.out)!r}; allowed: a name that ends in .png")
    if faults:
        raise SjcError("bad_usage", "The pictures cannot be drawn:\n" + "\n".join(f"  - {fault}" for fault in faults))


def _draw(arguments: argparse.Namespace, _report: Report) -> None:
    # Here, for the parser is built for every subcommand and torch takes seconds to import.
    import torch

    from ...protocol.model_profile import load_profile
    from ..cameras.viewpoints import orbit_camera, ring_through, viewpoint_of
    from ..image_files.srgb import write_png
    from ..optimisation.estimator import joined_conditions
    from ..score_models.conditioning import conditioner_for
    from ..score_models.loading import load_score_model
    from ..score_models.model_source import locate_model
    from ..score_models.score_model import views_seen_together
    from ..score_models.zero123 import Zero123

    _check(arguments)
    locate_model(arguments.model)
    picture = _picture(arguments)
    shown: dict[str, Any] = {}
    if picture is not None:
        height, width, _ = picture.shape
        digest = picture_digest(width, height, picture.tobytes())
        shown["picture"] = PictureSpec(digest, elevation=arguments.picture_elevation)
    spec = presets.new_job(
        arguments.prompt,
        negative_prompt=arguments.negative_prompt,
        model={"source": arguments.model, "device": arguments.device},
        seed=arguments.seed,
        # As the model's own pipeline draws: what a preset does to guidance is for shapes.
        optimisation={"guidance_scale": arguments.guidance, "guidance_rescale": 0.0},
        **shown,
    )
    profile = load_profile(spec.model.source)
    model = load_score_model(spec.model)
    _check_sigma(arguments.sigma, float(model.sigmas[0]), float(model.sigmas[-1]))
    orbit = profile.orbit
    camera = orbit_camera(arguments.azimuth, arguments.elevation, sum(orbit.distance) / 2, sum(orbit.field_of_view) / 2)
    together = views_seen_together(model)
    _check_rings(arguments, together)
    conditioner = conditioner_for(spec, profile, model)
    if isinstance(model, Zero123) and picture is not None:
        with torch.no_grad():
            model.show_picture(picture, arguments.picture_elevation, model.sample_size)
    views = [conditioner.at(view) for view in ring_through(viewpoint_of(camera), together)]
    condition = joined_conditions(views, arguments.count // together, neighbours=True)
    assert condition is not None  # they differ in their embeddings alone
    generator = torch.Generator().manual_seed(spec.seed)
    size = model.sample_size
    noise = torch.randn(arguments.count, model.channels, size, size, generator=generator).to(model.device)
    with torch.no_grad():
        pictures = model.decode(_sampler(arguments)(model, condition, noise, generator))
    if not bool(torch.isfinite(pictures).all()):
        raise SjcError(
            "network_not_finite",
            "The model returned NaN or infinite values.",
            "Run it in float32 or bfloat16 instead of float16, or lower the guidance.",
        )
    write_png(arguments.out, torch.cat(list(pictures), dim=2))
    print(arguments.out)


def _picture(arguments: argparse.Namespace) -> np.ndarray | None:
    """The picture that the model turns into an object, on white; SjcError if it needs one, or takes none."""
    import numpy as np
    from PIL import Image

    from ...protocol.model_families import takes_picture
    from ...protocol.picture import MOST_SIDE
    from ..image_files.picture_file import UnusablePicture, open_picture, shrunk

    file, taken = arguments.picture, takes_picture(arguments.model)
    if taken and file is None:
        whose = f"The model {arguments.model} turns a picture of an object into an object"
        raise SjcError("bad_usage", f"{whose}: name the picture with --picture.")
    if file is None:
        return None
    if not taken:
        raise SjcError(
            "bad_usage",
            f"--picture is {str(file)!r}; allowed: none with {arguments.model}, which turns no picture into an object.",
        )
    try:
        opened = shrunk(open_picture(file), MOST_SIDE)
    except UnusablePicture as error:
        raise SjcError("bad_usage", f"--picture is {str(file)!r}, which {error}.") from error
    white = Image.new("RGBA", opened.size, (255, 255, 255, 255))
    return np.asarray(Image.alpha_composite(white, opened).convert("RGB"))


def _check_rings(arguments: argparse.Namespace, together: int) -> None:
    """Refuse what a model that sees several views at once cannot draw."""
    if together == 1:
        return
    whose = f"with a model that sees {together} views around the object at once"
    if arguments.count % together:
        raise SjcError("bad_usage", f"--count is {arguments.count}; allowed: a multiple of {together} {whose}.")
    if arguments.sampler == "paas":
        raise SjcError("bad_usage", f"--sampler is paas; allowed: karras or langevin {whose}.")


def _check_sigma(sigma: float | None, lowest: float, highest: float) -> None:
    if sigma is not None and not lowest <= sigma <= highest:
        raise SjcError(
            "bad_usage", f"--sigma is {sigma:g}; the model's noise levels go from {lowest:.3g} to {highest:.3g}."
        )


def _sampler(arguments: argparse.Namespace) -> Callable[..., Any]:
    from ..sampling2d.karras import Churn, sample_karras
    from ..sampling2d.langevin import sample_langevin
    from ..sampling2d.paas import sample_paas

    steps = arguments.steps or STEPS[arguments.sampler]
    if arguments.sampler == "langevin":
        return lambda model, condition, noise, generator: sample_langevin(model, condition, noise, steps, generator)
    if arguments.sampler == "paas":
        return lambda model, condition, noise, generator: sample_paas(
            model,
            condition,
            noise,
            steps,
            generator,
            estimator=arguments.estimator,
            fixed_sigma=arguments.sigma,
            noises=arguments.noises,
        )
    churn = Churn(arguments.churn)
    return lambda model, condition, noise, generator: sample_karras(model, condition, noise, steps, generator, churn)
