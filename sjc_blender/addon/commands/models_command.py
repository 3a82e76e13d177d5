# SPDX-License-Identifier: GPL-3.0-or-later
"""``models``: lists, downloads and deletes models."""

from __future__ import annotations

import argparse

from ...protocol.errors import SjcError
from .. import api
from ..models.model_library import ModelLibrary
from ..models.model_status import ModelStatus
from ..models.model_words import bar_text, rate_text, size_text
from .outcome import Outcome
from .progress import Progress

NAME = "models"
HELP = "list, download or delete models"
EXAMPLES = (
    "--command sjc models",
    "--online-mode --command sjc models download stable-diffusion-v1-5/stable-diffusion-v1-5",
    "--command sjc models delete google/ddpm-cifar10-32",
)

STEPS = 20
"""Number of lines printed for a download."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the action and the model."""
    parser.add_argument("action", nargs="?", choices=("list", "download", "delete"), default="list")
    parser.add_argument("id", nargs="?", default="", metavar="ID", help="Hugging Face id, for download and delete")
    parser.add_argument("--engine-python", metavar="PATH", help="default: the preferences, or SJC_ENGINE_PYTHON")


def run(arguments: argparse.Namespace) -> Outcome:
    """Run the action, and wait for it."""
    python = arguments.engine_python
    if (arguments.action == "list") == bool(arguments.id):
        raise SjcError("bad_usage", "download and delete take the id of a model, list takes none.")
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
