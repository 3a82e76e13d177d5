# SPDX-License-Identifier: GPL-3.0-or-later
"""``models``: lists, shows, downloads and deletes models."""

from __future__ import annotations

import argparse
import json

from ...protocol import codec
from ...protocol.errors import SjcError
from ...protocol.model_events import GREY
from .. import api
from ..models.model_library import ModelLibrary
from ..models.model_status import ModelStatus
from ..models.model_words import bar_text, rate_text, size_text
from .outcome import Outcome
from .progress import Progress

NAME = "models"
HELP = "list, show, download or delete models"
EXAMPLES = (
    "--command sjc models",
    "--online-mode --command sjc models download stable-diffusion-v1-5/stable-diffusion-v1-5",
    "--command sjc models delete google/ddpm-cifar10-32",
    "--command sjc models show builtin",
    "--command sjc models profile builtin",
)

ACTIONS = ("list", "download", "delete", "show", "profile")

STEPS = 20
"""Number of lines printed for a download."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the action and the model."""
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list")
    parser.add_argument(
        "id", nargs="?", default="", metavar="MODEL", help="a Hugging Face id; to show, a folder or a file too"
    )
    parser.add_argument("--try", action="store_true", dest="tried", help="show: load it too, and try what it predicts")
    parser.add_argument(
        "--background", metavar="#RRGGBB", help="profile: behind the objects in the model's pictures (a grey)"
    )
    parser.add_argument("--engine-python", metavar="PATH", help="default: the preferences, or SJC_ENGINE_PYTHON")


def run(arguments: argparse.Namespace) -> Outcome:
    """Run the action, and wait for it."""
    python = arguments.engine_python
    if (arguments.action == "list") == bool(arguments.id):
        raise SjcError("bad_usage", "list takes no model, the others take one.")
    for option, action in (("tried", "show"), ("background", "profile")):
        if getattr(arguments, option) and arguments.action != action:
            name = "try" if option == "tried" else option
            raise SjcError("bad_usage", f"--{name} is for {action}, not for {arguments.action}.")
    if arguments.action == "show":
        facts = api.show_model(arguments.id, tried=arguments.tried, engine_python=python)
        return Outcome("done", {"model": codec.encode(facts)}, facts.lines())
    if arguments.action == "profile":
        profile = api.model_profile(arguments.id, background=arguments.background or GREY, engine_python=python)
        return Outcome("done", {"profile": profile}, [json.dumps(profile, indent=1, ensure_ascii=False)])
    if arguments.action == "download":
        model = api.download_model(arguments.id, wait=True, progress=_Lines(Progress(arguments)), engine_python=python)
        if model is None:
            return Outcome("cancelled", lines=["Stopped; what has come is kept, the same command goes on."])
        return Outcome("done", {"model": _told(model)}, [f"{model.id}: {model.path}"])
    if arguments.action == "delete":
        api.delete_model(arguments.id, wait=True, engine_python=python)
        return Outcome("done", {"deleted": arguments.id}, [f"{arguments.id} is deleted."])
    models = api.models(engine_python=python)
    lines = [f"{model.id:<50} {model.place:<12} {size_text(model)}".rstrip() for model in models]
    return Outcome("done", {"models": [_told(model) for model in models]}, lines)


def _told(model: ModelStatus) -> dict[str, object]:
    told: dict[str, object] = {"id": model.id, "title": model.title, "family": model.family}
    told |= {"state": str(model.place), "bytes": model.size, "path": model.path}
    if model.known is not None:
        told |= {"licence": model.known.licence, "gated": model.known.gated}
    return told


class _Lines:
    """Prints a line every 5 % of a download."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told = -1

    def __call__(self, library: ModelLibrary) -> None:
        transfer = library.transfer
        if transfer is None or not transfer.total:
            return
        reached = transfer.done * STEPS // transfer.total
        if reached > self._told:
            self._told = reached
            text = f"  {bar_text(transfer)}  {rate_text(transfer)}".rstrip()
            self._progress.say(text, "download", bytes_done=transfer.done, bytes_total=transfer.total)
