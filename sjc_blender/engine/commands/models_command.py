# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m sjc_blender.engine models``: lists, shows, downloads and deletes models.

With ``--json`` it is for programs: events as JSON lines on stdout, a cancel (or the end) on stdin stops a download.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from ...protocol import events
from ...protocol.amounts import gigabytes
from ...protocol.errors import SjcError
from ...protocol.exit_codes import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK
from ...protocol.known_models import PREVIEW_DECODER, KnownModel, known_models
from ...protocol.model_events import GREY, ModelFacts, ModelOnDisk, Models, ProfileTemplate, Transfer
from ...protocol.model_families import FAMILIES
from ..model_store.cache import delete_model, models_on_disk
from ..model_store.download import download_model

Report = Callable[[events.Event], None]
Listen = Callable[[threading.Event], None]


def add_models_command(commands: Any, listen: Listen) -> None:
    """Add ``models`` to the engine's subcommands; `listen` sets the event it is given when stdin brings a cancel."""
    parser = commands.add_parser("models", help="list, show, download and delete models")
    parser.add_argument("--json", action="store_true", help="JSON lines on stdout, commands on stdin")
    parser.set_defaults(command=lambda arguments: _run(arguments, listen), action="list", id="")
    actions = parser.add_subparsers(metavar="ACTION")
    for action, says in (
        ("list", "families, known models, and those on this computer (the default)"),
        ("download", "fetch a model, or what is missing or damaged of it"),
        ("delete", "delete a model from the cache"),
        ("show", "what a model is: its family, what it predicts, its noise levels, its profile, warnings"),
        ("profile", "a filled-in profile for a model, to be put beside it as sjc.json"),
    ):
        one = actions.add_parser(action, help=says)
        if action in ("download", "delete"):
            one.add_argument("id", metavar="ID", help="Hugging Face id, such as google/ddpm-cifar10-32")
        elif action != "list":
            one.add_argument("id", metavar="MODEL", help="builtin, a folder, a file, or a Hugging Face id")
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        if action == "show":
            one.add_argument("--try", action="store_true", dest="tried", help="load it too, and try what it predicts")
        elif action == "profile":
            one.add_argument(
                "--background", default=GREY, metavar="#RRGGBB", help="behind the objects in its pictures (a grey)"
            )
        one.set_defaults(action=action)


def _run(arguments: argparse.Namespace, listen: Listen) -> int:
    stop = threading.Event()
    if not arguments.json:
        previous = signal.signal(signal.SIGINT, lambda *_: stop.set())
        try:
            return _act(arguments, _Terminal(listing=arguments.action == "list"), stop)
        finally:
            signal.signal(signal.SIGINT, previous)
    # The protocol owns stdout; what libraries print goes to stderr, which the parent keeps as the log.
    protocol_stream, sys.stdout = sys.stdout, sys.stderr
    protocol_stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    from ..reporter import JsonLines

    threading.Thread(target=listen, args=(stop,), daemon=True).start()
    report = JsonLines(protocol_stream)
    code = _act(arguments, report, stop)
    report.close(stop.is_set)
    return code


def _act(arguments: argparse.Namespace, report: Report, stop: threading.Event) -> int:
    code = EXIT_OK
    end: events.Event | None = None
    try:
        if arguments.action == "download" and not download_model(arguments.id, report, stop.is_set):
            code, end = EXIT_CANCELLED, events.Cancelled(0)
        elif arguments.action == "delete":
            delete_model(arguments.id)
        elif arguments.action == "show":
            from ..score_models.model_facts import facts_of

            end = facts_of(arguments.id, tried=arguments.tried)
        elif arguments.action == "profile":
            from ..score_models.profile_template import template_of

            end = ProfileTemplate(template_of(arguments.id, arguments.background))
    except SjcError as error:
        if error.__cause__ is not None and arguments.json:
            traceback.print_exception(error.__cause__, file=sys.stderr)
        code, end = EXIT_FAILED, events.Failed.of(error)
    except Exception as error:  # the border: every failure leaves as a sentence, its traceback in the log
        traceback.print_exc(file=sys.stderr)
        message = f"An error that SJC does not know stopped it ({type(error).__name__}: {error})."
        code, end = EXIT_FAILED, events.Failed("internal_error", message, "Please report it with these lines.")
    if end is None or arguments.json:
        report(models_on_disk())
    if end is not None:
        report(end)
    return code


class _Terminal:
    """Prints progress for a person."""

    def __init__(self, *, listing: bool) -> None:
        self._listing = listing
        self._bar: tqdm[None] | None = None

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, Transfer):
            self._progress(event)
            return
        if self._bar is not None:
            self._bar.close()
        match event:
            case Models():
                _print("\n".join(_table(event)) if self._listing else "Done.")
            case ModelFacts():
                _print("\n".join(event.lines()))
            case ProfileTemplate():
                _print(json.dumps(event.profile, indent=1, ensure_ascii=False))
            case events.Cancelled():
                _print("Stopped; what has come is kept, the same command goes on.", sys.stderr)
            case events.Failed(_, message, hint):
                _print(f"Error: {message} {hint}".rstrip(), sys.stderr)

    def _progress(self, event: Transfer) -> None:
        if self._bar is None:
            self._bar = tqdm(total=event.total, initial=event.done, unit="B", unit_scale=True, dynamic_ncols=True)
        self._bar.set_description_str(event.file, refresh=False)
        self._bar.update(event.done - self._bar.n)


def _print(text: str, stream: Any = None) -> None:
    print(text, file=stream or sys.stdout, flush=True)


def _table(found: Models) -> list[str]:
    """Print every family with its requirements, its known models and others on disk."""
    lines = [f"Models are kept in {found.cache} ({gigabytes(found.free)} free).", ""]
    known = known_models()
    for family in FAMILIES:
        needs = f"about {family.download_gigabytes:g} GB, graphics memory {family.gpu_gigabytes:g} GB"
        lines.append(f"{family.title}: " + (needs if family.pipelines else "a folder of your own"))
        for model in known:
            if model.family == family.name:
                lines.append(f"  {model.id:<50} {_state(model, found.find(model.id))}")
        names = {model.id for model in known}
        others = [model for model in found.models if model.family == family.name and model.id not in names]
        lines += [f"  {model.id:<50} {_on_disk(model)}" for model in others]
    lines.append("Decoders for quick previews:")
    decoders = [model for model in known if model.family == PREVIEW_DECODER]
    lines += [f"  {model.id:<50} {_state(model, found.find(model.id))}" for model in decoders]
    return lines


def _state(model: KnownModel, there: ModelOnDisk | None) -> str:
    if model.id == "builtin":
        return "comes with the add-on"
    if there is not None:
        return _on_disk(there)
    return f"to download: about {model.download_gigabytes:g} GB" + (", needs a login" if model.gated else "")


def _on_disk(model: ModelOnDisk) -> str:
    size = gigabytes(model.size)
    return f"on disk: {size}" if model.state == "whole" else f"in part: {size}; download it again to complete it"
