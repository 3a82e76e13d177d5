# SPDX-License-Identifier: GPL-3.0-or-later
"""Events about models on this computer and their download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ModelOnDisk:
    """A model in the local Hugging Face cache.

    Attributes
    ----------
    id : str
        Its Hugging Face id.
    family : str
        Name of its family, see `model_families`.
    state : str
        ``"whole"``, or ``"part"`` after a download that did not end.
    size : int
        Bytes on disk.
    path : str
        Its folder in the cache.
    """

    id: str
    family: str
    state: Literal["whole", "part"]
    size: int
    path: str


@dataclass(frozen=True)
class Models:
    """The models on this computer; also the end of a download and of a deletion.

    Attributes
    ----------
    cache : str
        Folder of the cache.
    free : int
        Bytes that are free there.
    models : tuple of ModelOnDisk
    """

    cache: str
    free: int
    models: tuple[ModelOnDisk, ...] = ()

    def find(self, hub_id: str) -> ModelOnDisk | None:
        """Return the model with that id, or None."""
        return next((model for model in self.models if model.id == hub_id), None)


@dataclass(frozen=True)
class Transfer:
    """How far a download is.

    Attributes
    ----------
    done, total : int
        Bytes; what was there before counts as done.
    bytes_per_second : float
        Measured over the last seconds; 0 while it is not known.
    file : str
        What is being fetched.
    """

    done: int
    total: int
    bytes_per_second: float = 0.0
    file: str = ""

    @property
    def eta_seconds(self) -> float:
        """Estimate of the time left; 0 while it is not known."""
        return (self.total - self.done) / self.bytes_per_second if self.bytes_per_second > 0 else 0.0
