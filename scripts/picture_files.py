"""Make the manual's pictures of what `screenshots.sh` has taken.

    picture_files.py FOLDER IMAGES

Pictures of the sidebar are cut off below its last panel; some stand side by side.
"""

import sys
from pathlib import Path

from PIL import Image

VIEWPORT = (0, 57, 1050, 720)
"""Of the window, without the other editors."""

BESIDE = {
    "panel-errors": ("fault-1", "fault-2", "fault-3"),
    "models": ("models-1", "models-2"),
    "model-pictures": ("pictures-1", "pictures-2"),
}
GAP = 8
LEFT, RIGHT = 8, 260
"""Of panels, in a picture of the sidebar."""

EVEN = 8
"""Rows of one colour that make a panel's ground; lines of the viewport's grid have fewer."""

SIDEBAR = "sidebar-"


def only_panels(picture: Image.Image) -> Image.Image:
    """Cut off the viewport beside and below the panels, which are of even colours where they have nothing to say."""
    around = _column(picture, 2)
    viewport = max(set(around), key=around.count)
    column = _column(picture, LEFT + 4)
    even = (y for y in range(EVEN, picture.height) if len({*column[y - EVEN : y + 1]}) == 1 and column[y] != viewport)
    return picture.crop((LEFT, 0, RIGHT, min(max(even) + 3, picture.height)))


def _column(picture: Image.Image, x: int) -> list[tuple[int, ...]]:
    return [picture.getpixel((x, y)) for y in range(picture.height)]  # type: ignore[misc]  # of RGB


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Put pictures in a row, on white."""
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    row = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    x = 0
    for picture in pictures:
        row.paste(picture, (x, 0))
        x += picture.width + GAP
    return row


def pictures_of(made: Path) -> dict[str, Image.Image]:
    """Every picture by its place in the manual's folder, without the suffix."""
    found = {}
    for path in sorted(made.glob("*/*.png")):
        picture = Image.open(path).convert("RGB")
        if path.stem.startswith(SIDEBAR):
            found[path.stem.removeprefix(SIDEBAR)] = only_panels(picture)
        elif path.parent.name == "panel":
            found[path.stem] = picture.crop(VIEWPORT)
        else:
            found[f"{path.parent.name}/{path.stem}"] = picture
    for name, parts in BESIDE.items():
        found[name] = side_by_side([found.pop(part) for part in parts])
    return found


def main(made: Path, images: Path) -> None:
    """Write them, with 256 colours, which are enough for these and a tenth of the file."""
    for name, picture in pictures_of(made).items():
        target = images / f"{name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.quantize(256).save(target, optimize=True)
        print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
