import json
import os

from sjc_blender.addon.commands.outcome import Outcome
from sjc_blender.addon.printed import put


def test_a_reader_that_is_gone_ends_nothing():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        put("first", stream)
        assert os.read(reader, 100) == b"first\n"
        os.close(reader)
        put("second", stream)
        Outcome("done", {"x": 1}, ["a line"]).tell(stream, stream, as_json=True)
        stream.write("left in the buffer")  # written when the stream is closed


def test_what_is_read_is_printed_whole(capsys):
    import sys

    Outcome("done", {"x": 1}).tell(sys.stdout, sys.stderr, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"state": "done", "x": 1}
