"""Pictures from anyone take no more time and memory than their pixels: bombs in their texts, profiles and pages."""

import struct
import subprocess
import sys
import time
import zlib

import pytest

from sjc_blender.engine.image_files.picture_file import UnusablePicture, open_picture

BOMB_BYTES = 1 << 30
MOST_MEGABYTES = 200
MEASURE = """
import resource, sys
from pathlib import Path
from sjc_blender.engine.image_files.picture_file import UnusablePicture, open_picture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(open_picture(Path(sys.argv[1])).size)
except UnusablePicture as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.fixture(scope="module")
def bomb():
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(BOMB_BYTES >> 20)) + packer.flush()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*extra, pixels=None):
    rows = zlib.compress((b"\0" + b"\x80" * 12) * 4) if pixels is None else pixels
    size = struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", size), *extra, chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.skipif(sys.platform == "win32", reason="measures memory as POSIX systems do")
@pytest.mark.parametrize("place", ["zTXt", "iTXt", "iCCP", "many zTXt", "pixels"])
def test_what_unpacks_to_a_gigabyte_takes_no_gigabyte(tmp_path, bomb, place):
    path = tmp_path / "picture.png"
    text = zlib.compress(bytes(900_000))
    hostile = {
        "zTXt": lambda: png(chunk(b"zTXt", b"Comment\0\0" + bomb)),
        "iTXt": lambda: png(chunk(b"iTXt", b"Comment\0\1\0\0\0" + bomb)),
        "iCCP": lambda: png(chunk(b"iCCP", b"profile\0\0" + bomb)),
        "many zTXt": lambda: png(*[chunk(b"zTXt", b"Comment\0\0" + text)] * 2000),
        "pixels": lambda: png(pixels=bomb),
    }
    path.write_bytes(hostile[place]())
    told = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    answer, megabytes = told.stdout.strip().rsplit("\n", 1)
    assert answer.startswith("(4, 4)") or "cannot be read" in answer
    assert float(megabytes) < MOST_MEGABYTES


def test_a_tiff_of_many_pictures_is_refused_at_its_second(tmp_path):
    tags = [(256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 4), (279, 16)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    count, size = 200_000, 2 + len(entries) + 4
    pages = (struct.pack("<H", len(tags)) + entries + struct.pack("<I", 8 + (page + 1) * size) for page in range(count))
    path = tmp_path / "picture.tif"
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + b"".join(pages))
    began = time.process_time()
    with pytest.raises(UnusablePicture, match="several pictures"):
        open_picture(path)
    assert time.process_time() - began < 1
