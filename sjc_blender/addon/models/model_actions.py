# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions on models, for `sjc_blender.addon.api` and the buttons."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy

from ... import __package__ as base_package
from ...protocol.errors import SjcError
from ...protocol.model_events import GREY, ModelFacts, ProfileTemplate
from .. import user_preferences
from ..environment import session
from ..jobs.job_queue import QUEUE
from ..jobs.job_request import absolute
from ..process.engine_python import find_engine_python
from ..process.interrupts import wait_while
from ..process_keeper import PROCESSES
from ..window_events import redraw_sidebars
from .model_library import LIBRARY, Action, ModelLibrary
from .model_status import ModelStatus, statuses

LOG = "models.log"

Progress = Callable[[ModelLibrary], None]


def models(*, wait: bool = True, engine_python: str | Path | None = None) -> list[ModelStatus]:
    """List the built-in model, the known ones, and what else of their kinds is in the cache.

    Parameters
    ----------
    wait : bool
        Ask the engine first, and wait for its answer (under a second, with a sound environment). Without
        it the answer is what was found last, and nothing is started.
    engine_python : str or Path, optional
        Goes before the preferences.

    Raises
    ------
    SjcError
        With `wait`: if there is no usable engine's Python; ``models_busy``, ``engine_died``.
    """
    if wait:
        refresh_models(engine_python=engine_python)
        _wait(None)
    return statuses(LIBRARY.found)


def look_once() -> None:
    """List the models if that was not done in this session; for panels, so that nothing is raised."""
    if LIBRARY.found is None and LIBRARY.error is None and not LIBRARY.at_work and not bpy.app.background:
        refresh_models()


def refresh_models(*, engine_python: str | Path | None = None) -> None:
    """List the models on this computer again, in the background; SjcError ``models_busy``."""
    _begin("list", "", engine_python)


def download_model(
    hub_id: str,
    *,
    wait: bool = False,
    progress: Progress | None = None,
    engine_python: str | Path | None = None,
) -> ModelStatus | None:
    """Download a model, or what is missing or damaged of it, into the cache.

    Parameters
    ----------
    hub_id : str
        Of a known model, or of any other whose family is known.
    wait : bool
        Block until it has ended; Ctrl-C stops it, and what has come is kept. In background mode nothing moves
        without it.
    progress : callable, optional
        With `wait`: called with the library after every change.
    engine_python : str or Path, optional
        Goes before the preferences.

    Returns
    -------
    ModelStatus or None
        With `wait`: the model on disk, or None if it was stopped. Without: None.

    Raises
    ------
    SjcError
        ``offline``, ``models_busy``; with `wait` also whatever ends the download.
    """
    session.require_online(f"The model {hub_id} comes")
    _begin("download", hub_id, engine_python)
    if not wait:
        return None
    _wait(progress)
    if LIBRARY.cancelled:
        return None
    return next((model for model in statuses(LIBRARY.found) if model.id == hub_id), None)


def delete_model(hub_id: str, *, wait: bool = False, engine_python: str | Path | None = None) -> None:
    """Delete a model from the cache, with what is left of its downloads.

    Parameters
    ----------
    hub_id : str
        As `models` lists it.
    wait : bool
        Block until it is deleted.
    engine_python : str or Path, optional
        Goes before the preferences.

    Raises
    ------
    SjcError
        ``model_in_use`` by a job that runs or waits; ``models_busy``; with `wait` also ``model_not_on_disk`` and
        ``model_not_deleted``.
    """
    users = [job for job in QUEUE.jobs if job.live and job.spec.model.source == hub_id]
    if users:
        raise SjcError(
            "model_in_use",
            f"The model {hub_id} is in use by the job {users[0].spec.subject!r}.",
            "Wait for the job, or cancel it.",
        )
    _begin("delete", hub_id, engine_python)
    if wait:
        _wait(None)


def show_model(model: str | Path, *, tried: bool = False, engine_python: str | Path | None = None) -> ModelFacts:
    """Tell what a model is: its family, what it predicts, its noise levels, its profile, and warnings.

    Parameters
    ----------
    model : str or Path
        ``"builtin"``, a folder, a ``.safetensors`` or ``.gguf`` file, or a Hugging Face id.
    tried : bool
        Load it too, and try what its network does: as long as that takes.
    engine_python : str or Path, optional
        Goes before the preferences.

    Raises
    ------
    SjcError
        Why a job with the model would be refused; ``models_busy``, ``engine_died``.
    """
    answer = _ask("show", model, ["--try"] if tried else [], engine_python)
    assert isinstance(answer, ModelFacts)
    return answer


def model_profile(
    model: str | Path, *, background: str = GREY, engine_python: str | Path | None = None
) -> dict[str, Any]:
    """Fill in a profile for a model: the contents of an ``sjc.json`` to begin with.

    Parameters
    ----------
    model : str or Path
        As of `show_model`.
    background : str
        Colour behind the objects in the model's pictures, as ``"#rrggbb"``.
    engine_python : str or Path, optional
        Goes before the preferences.

    Raises
    ------
    SjcError
        As `show_model`; ``bad_usage`` for another colour.
    """
    answer = _ask("profile", model, ["--background", background], engine_python)
    assert isinstance(answer, ProfileTemplate)
    return answer.profile


def _ask(
    action: Action, model: str | Path, options: Sequence[str], engine_python: str | Path | None
) -> ModelFacts | ProfileTemplate:
    path = absolute(model)
    source = path if Path(path).exists() else str(model)
    _begin(action, source, engine_python, options)
    _wait(None)
    if LIBRARY.answer is None:
        raise SjcError("engine_died", "The engine ended before it had told of the model.", "Try again.")
    return LIBRARY.answer


def cancel_download() -> None:
    """Cancel the download, if any; the next one continues with the downloaded data."""
    LIBRARY.cancel()
    PROCESSES.ensure_running()


def _begin(action: Action, hub_id: str, engine_python: str | Path | None, options: Sequence[str] = ()) -> None:
    chosen = user_preferences.preferred_path("engine_python")
    LIBRARY.begin(
        action,
        hub_id,
        lambda: find_engine_python(engine_python, chosen),
        _log_path(),
        online=bpy.app.online_access,
        options=options,
    )
    PROCESSES.ensure_running()


def _wait(progress: Progress | None) -> None:
    """Block until the library is done; raise its error, if any."""

    def move_on() -> None:
        if LIBRARY.pump() and progress is not None:
            progress(LIBRARY)

    wait_while(lambda: LIBRARY.at_work, move_on, lambda insists: LIBRARY.cancel(now=insists))
    if LIBRARY.error is not None:
        raise LIBRARY.error


def _log_path() -> Path:
    """Return the log in the add-on's user folder; in Blender's temporary folder where nothing may be written there."""
    try:
        folder = Path(bpy.utils.extension_path_user(base_package))
    except ValueError:  # not installed as an extension
        folder = Path(bpy.utils.user_resource("DATAFILES", path="sjc"))
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return (folder if os.access(folder, os.W_OK) else Path(bpy.app.tempdir)) / LOG


def step() -> None:
    """Process the engine's events about models, and redraw."""
    if LIBRARY.pump():
        redraw_sidebars()


PROCESSES.add(LIBRARY, step=step, busy=lambda: LIBRARY.at_work)
