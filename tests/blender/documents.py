"""Command lines and Python lines of the documents and of ``--help``, and what is done with each of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.blender.real_blender import REPOSITORY

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    # The code map is made of docstrings: nothing in it is to be typed.
    *sorted(
        str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "docs").rglob("*.md") if path.name != "code-map.md"
    ),
)
HELP = "--help"
"""Stands for a page: the examples of all subcommands."""

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"`((?:blender|python|make)\s[^`]+)`")
COMMAND = re.compile(r"(blender|python|make|cp)\s")


class Documented(NamedTuple):
    """A command line, or a block of Python, and where it stands."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: " + " ".join(self.text.split())


FEW = "--steps 2 --set field.resolution=16 --set outputs.colour_views=4"
FEW_SET = FEW.replace("--steps 2", "--set optimisation.steps=2")
SMALLER = [
    (r"(sjc (?:generate|edit))\b", rf"\1 --preset draft {FEW}"),
    (r"(sjc batch)\b", rf"\1 {FEW_SET}"),
    (r"(sjc batch)\b(?!.* --preset )", r"\1 --preset draft"),  # each that is named is another job
    (r"(engine generate)\b", rf"\1 --preset draft {FEW_SET}"),
    (r"(sjc render)\b", r"\1 --size 16 --samples 1"),
    (r"(engine (?:video|render))\b", r"\1 --size 16"),
    (r"(engine (?:fit|sample2d))\b", r"\1 --steps 10"),
    (r"(--set [\w.]*resolution=)\d+", r"\g<1>16"),
    (r"(--set [\w.]*mesh_texture=)\d+", r"\g<1>64"),
    (r"(--set [\w.]*steps=)\d+", r"\g<1>2"),
    (r"--size \d{2,}", "--size 16"),
    (r"--samples \d+", "--samples 1"),
    (r"demo/nine\.txt", "two.txt"),
    (r"--preset (?:standard|high)\b", "--preset draft"),
    (r"\bowner/name\b", "google/ddpm-cifar10-32"),
]
"""What is made of a command line so that it takes seconds: few steps, coarse grids, small pictures, two rows."""

NOT_RUN = [
    (r"^make\b", "a target of its own: make test runs what it needs, the others take hours"),
    (r"^python -m pip\b", "takes packages from the network; tests/package installs them"),
    (
        r"--online-mode|models download|models delete",
        "takes from the network; tests/addon/test_models.py has a stand-in for it",
    ),
    (r"chair\.usdc\b", "needs a Blender that was built with USD; tests/addon/test_export.py"),
    (r"--farm\b", "needs a farm; tests/blender/test_farm.py gives one a batch"),
    (r"engine farm\b", "servers and workers; tests/farm starts them"),
    (r"engine resume (JOB|FOLDER)", "names no folder; tests/engine/test_job.py"),
    (r" \.\.\. ", "names no model"),
    (r"^python -m (benchmarks|training|demo)\b", "measures for hours, or needs another checkout"),
    (r"benchmarks/in_blender/", "measures in a window"),
    (r"^python -m sjc_blender\.engine$|^blender --command sjc$", "is no command by itself"),
    (r"--engine eevee|demo/workbench\.py", "draws with a graphics card; what is said without one: test_commands.py"),
    (r"--wheelhouse|setup --remove|sjc setup$", "takes packages from a folder; tests/addon/environment"),
    (r"script\.py$", "names no script"),
]
"""What cannot be run here, by a pattern of its text, and why."""

NO_SCRIPTS = {"docs/architecture.md": "signatures and forms, no lines to type"}
"""Pages whose Python is none, and why."""

SCENE = """
import bpy
bpy.ops.sjc.add_domain()
bpy.ops.sjc.add_rig()
for name in ("Seat Box", "Box", "Back"):
    bpy.ops.mesh.primitive_cube_add(size=0.8)
    bpy.context.object.name = name
cameras = bpy.data.collections.new("Cameras")
bpy.context.scene.collection.children.link(cameras)
for obj in bpy.data.collections["SJC Rig"].all_objects[:4]:
    copy = obj.copy()
    cameras.objects.link(copy)
bpy.ops.wm.save_as_mainfile(filepath="scene.blend")
"""
BEFORE = f"""
blender -b --python-exit-code 1 --python-expr '{SCENE}'
printf 'prompt,seed\\na red chair,1\\n' >chairs.csv
printf 'a red chair\\n' >prompts.txt
printf 'a red chair\\na blue duck\\n' >two.txt
ln -s "$repository/demo" demo
blender -b scene.blend --command sjc generate --prompt "a red chair" --out chair_job --save out.blend
cp -r chair_job out_job
cp -r chair_job duck_job
cp out.blend chairs.blend
"""
"""What the pages take for granted, run in the folder of each before its own lines."""

OPENED = """
import bpy
bpy.ops.wm.open_mainfile(filepath="scene.blend")
api = bpy.context.window_manager.sjc.api
"""
ASKS_THE_ENGINE = r"api\.(model_profile|show_model)\("
"""Python lines that the stand-in engine cannot answer: they run with the engine, after `OPENED` alone."""

PYTHON_BEFORE = f"""
{OPENED}
job = api.generate("a red chair", folder="//made", wait=True)
obj = bpy.data.objects[job.imported[0]]
"""
"""The same for other Python lines, which are run with the stand-in engine."""


MAY_FIND_FAULTS = r" doctor$"
"""What says by its exit code 1 that something is wrong with this machine, and runs as it should all the same."""


def documented() -> list[Documented]:
    """Everything that the pages and the help say is to be typed, in the order in which it stands there."""
    found = [item for page in PAGES if (REPOSITORY / page).exists() for item in _of_page(page)]
    return found + _of_help()


def reason_against(item: Documented) -> str:
    """Why it is not run; empty where it is."""
    if item.language == "python":
        return NO_SCRIPTS.get(item.page, "")
    return next((reason for pattern, reason in NOT_RUN if re.search(pattern, item.text)), "")


def smaller(text: str) -> str:
    """Return a command line that does the same with less."""
    for pattern, replacement in SMALLER:
        text = re.sub(pattern, replacement, text)
    return text


def _of_page(page: str) -> Iterator[Documented]:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    items: list[Documented] = []
    for match in FENCE.finditer(text):
        language, block = match.groups()
        start = text.count("\n", 0, match.start()) + 2
        if language == "python":
            items.append(Documented(page, start, language, block))
        elif language in {"sh", ""}:
            items += _commands(page, start, block)
    outside = FENCE.sub(lambda match: "\n" * match.group().count("\n"), text)
    for match in SAID.finditer(outside):
        items.append(
            Documented(page, outside.count("\n", 0, match.start()) + 1, "sh", " ".join(match.group(1).split()))
        )
    yield from sorted(items, key=lambda item: item.line)


def _commands(page: str, start: int, block: str) -> Iterator[Documented]:
    """Lines of a block that are commands, each with the lines that it goes on in, without their comments."""
    lines = block.split("\n")
    for number, line in enumerate(lines):
        if COMMAND.match(line) and not (number and lines[number - 1].endswith("\\")):
            text = line
            following = number + 1
            while text.endswith("\\"):
                text = text[:-1] + lines[following]
                following += 1
            yield Documented(page, start + number, "sh", re.sub(r"\s{2,}#.*$", "", text))


def _of_help() -> list[Documented]:
    found = []
    for path in sorted((REPOSITORY / "sjc_blender/addon/commands").glob("*_command.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Name)
                and node.targets[0].id == "EXAMPLES"
            ):
                examples = ast.literal_eval(node.value)
                texts = [re.sub(r"\s*\\\n\s*", " ", f"blender {example}") for example in examples]
                found += [Documented(HELP, node.lineno, "sh", text) for text in texts]
    return found
