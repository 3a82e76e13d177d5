# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers for models when the add-on starts and ends."""

from __future__ import annotations

from ..environment import session
from ..environment.engine_keeper import Status
from ..user_preferences import preferred_path
from . import model_actions, models_folder
from .model_library import LIBRARY


def _after_set_up() -> None:
    """List the models again as soon as the engine is set up."""
    error = LIBRARY.error
    if error is None or LIBRARY.at_work or not error.code.startswith("engine_"):
        return
    if session.KEEPER.state.status is Status.READY:
        model_actions.refresh_models()


HOOKS = ((session.LISTENERS, _after_set_up),)


def register() -> None:
    """Use the folder of models that the preferences name."""
    models_folder.use(preferred_path("models_folder"))


def unregister() -> None:
    """Leave the environment as it was."""
    models_folder.use("")
