"""The rows of the table: settings by name, as data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sjc_blender.protocol import codec
from sjc_blender.protocol.overrides import merged, parse_overrides
from sjc_blender.protocol.presets import new_job
from sjc_blender.protocol.spec import JobSpec

ROWS = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class Row:
    """One setting to measure.

    Attributes
    ----------
    name, description : str
    preset : str
    as_in : mapping
        Of another preset, the fields that are taken from it: for a fair and affordable comparison.
    set : tuple of str
        Overrides, as the engine's ``--set``; they go before everything else.
    colours : int or None
        The most colours that an object is made in; None: as many as are asked for.
    seeds : int or None
        The most seeds, likewise.
    """

    name: str
    description: str
    preset: str
    as_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    set: tuple[str, ...] = ()
    colours: int | None = None
    seeds: int | None = None

    def spec(self, prompt: str, seed: int, model: str = "builtin") -> JobSpec:
        """The job of this row for a prompt.

        Raises
        ------
        SjcError
            As `new_job`.
        """
        settings: dict[str, Any] = {"seed": seed, "model": {"source": model, "device": "cpu"}}
        for preset, names in self.as_in.items():
            other = codec.encode(new_job(prompt, preset=preset, model=settings["model"]))
            for name in names:
                value: Any = other
                for part in name.split("."):
                    value = value[part]
                settings = merged(settings, parse_overrides([f"{name}={json.dumps(value)}"]))
        settings = merged(settings, parse_overrides(self.set))
        return new_job(prompt, preset=self.preset, **settings)


def read_rows(path: Path = ROWS) -> dict[str, Row]:
    """The rows that are known, by name; one that is ``like`` another has its settings, with a few set otherwise."""
    rows: dict[str, Row] = {}
    for row in json.loads(path.read_text(encoding="utf-8")):
        if "like" in row:
            base = rows[row["like"]]
            made = dataclasses.replace(
                base, description=f"{base.name}, {row['description']}", set=(*base.set, *row["set"])
            )
        else:
            made = Row(
                name=row["name"],
                description=row["description"],
                preset=row["preset"],
                as_in={preset: tuple(names) for preset, names in row.get("as_in", {}).items()},
            )
        fewer = {limit: row[limit] for limit in ("colours", "seeds") if limit in row}
        rows[row["name"]] = dataclasses.replace(made, name=row["name"], **fewer)
    return rows
