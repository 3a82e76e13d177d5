"""What the engine tells, and whom."""

import os

import pytest

from sjc_blender.engine.reporter import json_lines
from sjc_blender.protocol import events


def test_a_listener_that_is_gone_does_not_end_the_job():
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w")
    tell = json_lines(stream)
    tell(events.Progress(1, 10))
    assert events.from_line(os.read(reader, 4096).decode()) == events.Progress(1, 10)
    os.close(reader)
    for step in range(2, 5):
        tell(events.Progress(step, 10))
    with pytest.raises(BrokenPipeError):
        stream.close()
