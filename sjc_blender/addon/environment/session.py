# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of this Blender session: finding, setting up, removing and checking it in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import bpy

from ...protocol.diagnosis import Diagnosis
from ...protocol.errors import SjcError
from ...protocol.outside_file import is_folder
from .. import window_events
from ..jobs.job_queue import QUEUE
from ..jobs.job_request import absolute
from ..process.engine_python import forget_probes
from ..process.environment_place import environment_place, use_folder
from ..process.interrupts import LOOP_SECONDS, wait_while
from ..process_keeper import PROCESSES
from ..user_preferences import preferred_path
from .blender_findings import blender_findings
from .engine_check import EngineCheck
from .engine_keeper import EngineKeeper, EngineState, Status
from .setup_request import SetupRequest

LISTENERS: list[Callable[[], None]] = []
"""Called on the main thread when the state of the engine has changed."""

KEEPER = EngineKeeper()
CHECK = EngineCheck()
_check_wanted = False


def state() -> EngineState:
    """Return the state of the engine; the first call starts the search for it."""
    KEEPER.look(preferred_path("engine_python"))
    if bpy.app.background:
        KEEPER.pump()
    elif KEEPER.busy:
        PROCESSES.ensure_running()
    return KEEPER.state


def obstacle() -> str:
    """Return why no job can be started from a window now; empty if one can."""
    if bpy.app.background:
        return ""  # a script can wait for the engine, a click must not
    known = state()
    match known.status:
        case Status.READY:
            return ""
        case Status.UNKNOWN:
            return "The engine is being looked for"
        case Status.MISSING:
            return "Set up the engine first"
        case _:
            return "Wait until the engine is set up"


def look_again() -> None:
    """Search for the engine again, in the background."""
    use_folder(preferred_path("engine_folder"))
    forget_probes()
    KEEPER.look(preferred_path("engine_python"), again=True)
    PROCESSES.ensure_running()


def set_up_engine(
    *,
    wheelhouse: str | Path | None = None,
    wait: bool = False,
    progress: Callable[[EngineState], None] | None = None,
) -> EngineState:
    """Make the engine's environment; resume one that was begun, repair a damaged one, update an old one.

    Parameters
    ----------
    wheelhouse : str or Path, optional
        Folder of packages to install from without the network. None: that of the preferences, if any.
    wait : bool
        Block until it is done. In background mode nothing moves without it. Ctrl-C cancels.
    progress : callable, optional
        Called with the state after every change of it; only with `wait`.

    Returns
    -------
    EngineState
        With `wait`, look at its ``status`` and ``failure``.

    Raises
    ------
    SjcError
        ``offline``, ``wheelhouse_missing``, ``engine_in_use``, ``setup_running``, or if the folder cannot be made.
    """
    wheels = require_packages(wheelhouse)
    return _change(SetupRequest("set_up", str(environment_place().root), wheelhouse=wheels), wait, progress)


def remove_engine(*, wait: bool = False) -> EngineState:
    """Delete the engine's environment; everything else stays. Arguments and errors as in `set_up_engine`."""
    return _change(SetupRequest("remove", str(environment_place().root)), wait, None)


def cancel_setup() -> None:
    """Cancel the set-up; the next one continues with the downloaded files."""
    KEEPER.cancel()


def check_engine(*, wait: bool = False) -> Diagnosis | None:
    """Check the engine.

    Parameters
    ----------
    wait : bool
        Block until it is done.

    Returns
    -------
    Diagnosis or None
        With `wait`: what it found. Without: None; the panel shows it later.
    """
    global _check_wanted
    look_again()
    CHECK.diagnosis = None
    _check_wanted = True
    while wait and checking():  # Ctrl-C ends Blender: nothing is lost
        step()
        time.sleep(LOOP_SECONDS)
    return CHECK.diagnosis


def busy() -> bool:
    """Whether the engine is being set up, removed or checked."""
    return KEEPER.at_work or checking()


def checking() -> bool:
    """Whether a check runs, or waits until the engine is found."""
    return _check_wanted or CHECK.at_work


def require_packages(wheelhouse: str | Path | None = None) -> str:
    """Return the folder of packages to install from, by default the preferences'; empty for the internet.

    Raises
    ------
    SjcError
        ``wheelhouse_missing``; ``offline``, with how to allow it, if there is none and Blender may not use the network.
    """
    wheels = preferred_path("wheelhouse") if wheelhouse is None else absolute(wheelhouse)
    if wheels and not is_folder(Path(wheels)):
        raise SjcError(
            "wheelhouse_missing",
            f"The folder of packages {wheels} does not exist.",
            "Choose another one in the add-on's preferences, or leave it empty to download the packages.",
        )
    if not wheels:
        require_online(
            "The engine's packages come",
            ", or choose a folder of packages as the wheelhouse in the add-on's preferences",
        )
    return wheels


def require_online(what_comes: str, instead: str = "") -> None:
    """Raise SjcError ``offline``, with how to allow it, if Blender may not use the network, from which that comes."""
    if bpy.app.online_access:
        return
    if bpy.app.online_access_override:
        how = "Blender was started with --offline-mode: start it without"
    else:
        how = "Switch on Preferences > System > Network > Allow Online Access (in a terminal: blender --online-mode)"
    raise SjcError("offline", f"{what_comes} from the internet, and Blender may not use it.", f"{how}{instead}.")


def _change(request: SetupRequest, wait: bool, progress: Callable[[EngineState], None] | None) -> EngineState:
    inside = request.place.environment
    if any(job.live and job.interpreter is not None and inside in job.interpreter.parents for job in QUEUE.jobs):
        raise SjcError(
            "engine_in_use",
            "A job is running in the engine that is to be changed.",
            "Wait until it is done, or cancel it; it can be resumed afterwards.",
        )
    state()  # the search after the set-up is for the same Python
    KEEPER.start(request, online=bpy.app.online_access and not request.wheelhouse)
    if not wait:
        PROCESSES.ensure_running()
        return KEEPER.state
    told: EngineState | None = None

    def move_on() -> None:
        nonlocal told
        KEEPER.pump()
        if progress is not None and KEEPER.state != told:
            told = KEEPER.state
            progress(told)

    wait_while(lambda: KEEPER.busy, move_on, lambda _insists: KEEPER.cancel())
    return KEEPER.state


def step() -> None:
    """Process the events of set-up and check, and notify the listeners."""
    global _check_wanted
    changed = KEEPER.pump()
    changed |= CHECK.pump()
    known = KEEPER.state
    if _check_wanted and known.status is not Status.UNKNOWN:
        _check_wanted = False
        program = Path(bpy.app.binary_path) if bpy.app.binary_path else None
        CHECK.start(known.interpreter, blender_findings(known), program)
        changed = True
    if changed:
        for listener in LISTENERS:
            listener()
        window_events.redraw_sidebars()
        window_events.redraw("PREFERENCES")


PROCESSES.add(KEEPER, CHECK, step=step, busy=lambda: KEEPER.busy or checking())


def register() -> None:
    """Use the folder of the preferences."""
    use_folder(preferred_path("engine_folder"))


def unregister() -> None:
    """Use the default folder again; `jobs.lifecycle` ends what runs."""
    use_folder("")
