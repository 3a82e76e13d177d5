# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of the model panel. Knows no bpy."""

from __future__ import annotations

from ...protocol.amounts import duration, gigabytes
from ...protocol.model_events import Transfer
from .model_status import ModelStatus, Place


def size_text(model: ModelStatus) -> str:
    """Size on disk, or of the download."""
    if model.place in (Place.DISK, Place.PART):
        return gigabytes(model.size)
    if model.known is not None and model.known.download_gigabytes:
        return gigabytes(model.known.download_gigabytes * 1e9)
    return ""


def facts(model: ModelStatus) -> list[tuple[str, str]]:
    """Return names and values of a model's facts."""
    told = [("Kind", model.family)]
    known = model.known
    if known is not None:
        told.append(("Licence", known.licence))
    match model.place:
        case Place.DISK:
            told.append(("On disk", gigabytes(model.size)))
        case Place.PART:
            told.append(("On disk", f"{gigabytes(model.size)}, not whole"))
        case Place.HUB | Place.UNKNOWN if known is not None:
            told.append(("Download", "about " + gigabytes(known.download_gigabytes * 1e9)))
    if known is not None:
        told.append(
            ("Memory", f"about {known.gpu_gigabytes:g} GB of the GPU" if known.gpu_gigabytes else "no GPU needed")
        )
        told.append(("Pictures", f"{known.resolution} x {known.resolution}"))
    return told


def bar_text(transfer: Transfer) -> str:
    """Text of the progress bar: the share, and the bytes."""
    return f"{transfer.done / transfer.total:.0%}   {gigabytes(transfer.done)} / {gigabytes(transfer.total)}"


def rate_text(transfer: Transfer) -> str:
    """Speed and time left; empty while neither is known."""
    if transfer.bytes_per_second <= 0 or transfer.done >= transfer.total:
        return ""
    return f"{transfer.bytes_per_second / 1e6:.1f} MB/s, {duration(transfer.eta_seconds)} left"
