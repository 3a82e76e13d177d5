"""Write docs/settings.md: every field of a job, its default and what it is, as `protocol/spec.py` says.

settings_page.py [--check]
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "settings.md"
sys.path.insert(0, str(REPOSITORY))

from sjc_blender.protocol import codec, spec  # noqa: E402 - the package lies beside this folder

LEFT_OUT = {"version", "kind", "cameras.cameras"}
"""What no person sets: `version` and `kind` are the file's own, cameras come from the scene or from a file."""

HEAD = """# Settings

This page lists every setting of a job by its name, for the [Python API](python-api.md)
(`overrides={{"optimisation": {{"steps": 200}}}}`), the [command line](command-line.md)
(`--set optimisation.steps=200`) and `job.json`. The defaults are those of the published configuration. A preset takes
precedence over them, and the model's profile for that preset over both: `python -m sjc_blender.engine presets --json`
lists the presets, and `job.json` in a job's folder has the resulting values. Lengths are in [domain units](glossary.md)
(the longest half side of the domain is 1), angles in degrees.

`scripts/settings_page.py` writes this page from `sjc_blender/protocol/spec.py`.
{tables}"""


def page() -> str:
    """The page's text."""
    return HEAD.format(tables="".join(_tables()))


def _tables() -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for name, default, text in _rows(spec.JobSpec, ""):
        group = name.rpartition(".")[0].split(".")[0] or "job"
        groups.setdefault(group, []).append(f"| `{name}` | {default} | {text} |\n")
    for group, rows in groups.items():
        yield f"\n## {group.capitalize()}\n\n| setting | default | meaning |\n|---|---|---|\n" + "".join(rows)


def _rows(cls: type[Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    texts, hints = _attributes(cls), typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        name = prefix + field.name
        if field.name in LEFT_OUT or name in LEFT_OUT:
            continue
        nested = _data_classes(hints[field.name])
        if field.name not in texts and not nested:
            raise SystemExit(f"{cls.__name__} says nothing of {field.name}: add it to the class's Attributes.")
        if field.name in texts:
            yield name, _default(field), texts[field.name]
        else:
            for part in nested:
                yield from _rows(part, f"{name}.")


def _data_classes(hint: Any) -> list[type[Any]]:
    """The data classes that a field may be; those in lists have no names of their own."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return [option for option in options if dataclasses.is_dataclass(option)]


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return ""
    return f"`{json.dumps(codec.encode(field.default))}`"


def _attributes(cls: type[Any]) -> dict[str, str]:
    """What the class's docstring says of its fields, a paragraph each."""
    lines = inspect.cleandoc(cls.__doc__ or "").partition("Attributes\n----------\n")[2].splitlines()
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        head = re.fullmatch(r"([\w, ]+) : .+", line)
        if head:
            names = head[1].split(", ")
        elif line.strip():
            for name in names:
                texts[name] = f"{texts.get(name, '')} {line.strip()}".strip()
    return {name: _as_json(text).replace("``", "`").replace("|", "\\|") for name, text in texts.items()}


def _as_json(text: str) -> str:
    return re.sub(r"\bNone\b", "`null`", text).replace("((0.0, 24), (0.4, 48))", "`[[0.0, 24], [0.4, 48]]`")


if __name__ == "__main__":
    if "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") != page():
            raise SystemExit("docs/settings.md is not what protocol/spec.py says; run scripts/settings_page.py")
    else:
        PAGE.write_text(page(), encoding="utf-8", newline="\n")
