"""What the engine tells, and whom."""

import os
import time

import pytest

from sjc_blender.engine import reporter
from sjc_blender.engine.reporter import JsonLines
from sjc_blender.protocol import events


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w")
    yield reader, JsonLines(stream)
    stream.close()


def test_a_listener_that_is_gone_does_not_end_the_job(pipe):
    reader, tell = pipe
    tell(events.Progress(1, 10))
    tell.close(lambda: False)
    assert events.from_line(os.read(reader, 4096).decode()) == events.Progress(1, 10)
    os.close(reader)
    for step in range(2, 5):
        tell(events.Progress(step, 10))
    tell.close(lambda: False)


def test_a_listener_that_sleeps_keeps_nobody_from_hearing_a_cancel(pipe, monkeypatch):
    reader, tell = pipe
    monkeypatch.setattr(reporter, "CLOSING_SECONDS", 0.2)
    began = time.monotonic()
    for step in range(20_000):
        tell(events.Progress(step, 20_000))
    tell(events.Cancelled(7))
    tell.close(lambda: True)
    assert time.monotonic() - began < 15, "the pipe was full after some hundred lines"
    assert len(tell._waiting) <= reporter.MOST_WAITING + 2, "and memory is kept"
    told = b""
    while b"cancelled" not in told:
        told += os.read(reader, 1 << 16)
    lines = [events.from_bytes(line) for line in told.splitlines()]
    assert None not in lines
    assert lines[-2:] == [events.Progress(19_999, 20_000), events.Cancelled(7)]
    os.close(reader)
