# SPDX-License-Identifier: GPL-3.0-or-later
"""The release, the models and the graphics cards of a machine of the farm."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

from distributed.core import rpc

from ..protocol.errors import SjcError, first_line
from ..protocol.hub_cache import hub_cache
from .connection import Connection

MODEL = "model "
"""Prefix of the Dask resource that names a model of a worker."""


def version() -> str:
    """Version of this package, from its manifest; it lies in the package's folder or, in a checkout, above it."""
    package = Path(__file__).resolve().parent.parent
    for manifest in (package / "blender_manifest.toml", package.parent / "blender_manifest.toml"):
        if manifest.is_file():
            return str(tomllib.loads(manifest.read_text(encoding="utf-8"))["version"])
    raise SjcError("internal_error", f"{package} has no blender_manifest.toml.", "Install the package anew.")


async def require_same_version(where: Connection) -> None:
    """Ask the scheduler for its release.

    Raises
    ------
    SjcError
        ``farm_other_version``, or ``farm_no_scheduler`` if none answers.
    """
    security = where.security()
    arguments = security.get_connection_args("client") if security is not None else {}
    try:
        async with rpc(where.address, timeout=10, connection_args=arguments) as scheduler:
            theirs = await scheduler.sjc_version()
    except Exception as error:  # Dask raises many kinds of errors where nothing answers
        raise no_scheduler(where, error) from error
    if theirs != version():
        raise SjcError(
            "farm_other_version",
            f"The scheduler at {where.address} runs sjc_blender {theirs}, this machine {version()}.",
            "Install the same release on every machine of the farm.",
        )


def no_scheduler(where: Connection, error: BaseException) -> SjcError:
    """Return the error for a scheduler that does not answer, or refuses this machine's keys."""
    protected = "It wants keys of its own authority (--keys)." if where.keys is None else "Its keys may be others."
    return SjcError(
        "farm_no_scheduler",
        f"No scheduler answers at {where.address}: {first_line(error).rstrip('.')}.",
        f"Start one there with `farm serve`, or give its address. {protected}",
    )


def local_models() -> list[str]:
    """Return the models of this machine: the built-in one, and the ids in the Hugging Face cache."""
    names = ["builtin"]
    try:
        entries = sorted(entry.name for entry in os.scandir(hub_cache()) if entry.is_dir(follow_symlinks=False))
    except OSError:
        entries = []
    return names + [
        name.removeprefix("models--").replace("--", "/", 1) for name in entries if name.startswith("models--")
    ]


def graphics_cards() -> int:
    """Return the number of NVIDIA cards, according to the driver's own program."""
    try:
        # By the search path, as the driver's installer has it; it differs from system to system.
        command = ["nvidia-smi", "--list-gpus"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
