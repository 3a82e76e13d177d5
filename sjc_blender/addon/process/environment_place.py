# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of the engine's environment, outside the add-on, so that all Blenders of this computer share it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...protocol.home import expanded
from . import own_folders, platform_process

FOLDER = "sjc_engine"

NOWHERE = Path(os.devnull)
"""Represents the data folder of a user without one; nothing can exist below it."""

PACKAGE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class EnvironmentPlace:
    """The folder of the engine's environment, and what is in it.

    Attributes
    ----------
    root : Path
        It need not exist.
    """

    root: Path

    @property
    def known(self) -> bool:
        """False for a user without a home folder who has not chosen another place."""
        return NOWHERE.absolute() not in self.root.parents

    @property
    def environment(self) -> Path:
        """The virtual environment itself."""
        return self.root / own_folders.ENVIRONMENT

    @property
    def interpreter(self) -> Path:
        """Its Python."""
        return Path(platform_process.interpreters_in(self.environment)[0])

    @property
    def tools(self) -> Path:
        """A small environment with the installer, uv."""
        return self.root / own_folders.TOOLS

    @property
    def uv(self) -> Path:
        """The installer."""
        return Path(platform_process.program_in(self.tools, "uv"))

    @property
    def cache(self) -> Path:
        """Downloaded packages; deleted after a successful set-up."""
        return self.root / own_folders.CACHE

    @property
    def doomed(self) -> Path:
        """An environment that is being deleted; its deletion may have been interrupted."""
        return self.root / own_folders.DOOMED

    @property
    def pythons(self) -> Path:
        """A Python that the installer downloaded, if necessary."""
        return self.root / own_folders.PYTHONS

    @property
    def marker(self) -> Path:
        """Marks the environment as complete; see `sjc_blender.addon.process.marker`."""
        return self.root / own_folders.MARKER

    @property
    def lease(self) -> Path:
        """Lease of the process that changes the environment; the lock is beside it."""
        return self.root / own_folders.LEASE

    @property
    def log(self) -> Path:
        """Log of the set-up."""
        return self.root / own_folders.LOG

    @property
    def started(self) -> bool:
        """Whether a set-up has left files here."""
        return bool(self.own.present)

    @property
    def own(self) -> own_folders.OwnFolders:
        """The folders that the set-up has made."""
        return own_folders.OwnFolders(self.root)


_chosen = ""


def use_folder(chosen: str) -> None:
    """Use `chosen`, a folder from the preferences, for the environment; empty: the user's data folder."""
    global _chosen
    _chosen = chosen


def environment_place(environ: Mapping[str, str] = os.environ) -> EnvironmentPlace:
    """Return the place of the environment.

    Parameters
    ----------
    environ : mapping
        Environment variables that say where the user's data folder is.
    """
    parent = expanded(_chosen) if _chosen else platform_process.user_data_folder(environ) or NOWHERE
    return EnvironmentPlace(Path(os.path.abspath(parent / FOLDER)))  # noqa: PTH100  # resolve() would follow links


def requirements_file(name: str) -> Path:
    """Return the path of one of the add-on's lists of exact versions."""
    # The zip has them in the package, the repository beside it.
    inside = PACKAGE / "requirements" / name
    return inside if inside.is_file() else PACKAGE.parent / "requirements" / name
