"""Events cross the process border as lines; anything else on the way is passed over."""

import pytest

from sjc_blender.protocol import events
from sjc_blender.protocol.diagnosis import Finding
from sjc_blender.protocol.errors import SjcError


@pytest.mark.parametrize(
    "event",
    [
        events.Phase("optimising"),
        events.Progress(3, 10, 2.5, 2.8, 1.5, {"emptiness": 0.25}),
        events.Preview("previews/000003.png", 3),
        events.LiveField("previews/live.npz", 3),
        events.Paused(3),
        events.WentOn(3),
        events.CheckpointSaved("checkpoint.safetensors", 3),
        events.Warned("Vorsicht: größer"),
        events.Result({"field": "result/field.npz"}, {"steps": 10.0}),
        events.Cancelled(3),
        events.Failed.of(SjcError("code", "message", "hint")),
        events.Stage(4, 5, "Installing the packages", "Fetching torch", 300_000_000, 2_000_000_000),
        events.Diagnosis((Finding("Memory", "2 GB", False, "Close other programs."),)),
    ],
)
def test_events_survive_their_line(event):
    line = events.to_line(event)
    assert "\n" not in line
    assert events.from_line(line) == event


@pytest.mark.parametrize("line", ["", "Loading pipeline: 100%", "[1, 2]", '{"event": "from a later release"}', "{"])
def test_lines_that_are_no_events_are_passed_over(line):
    assert events.from_line(line) is None


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (events.CANCEL, "cancel"),
        (events.PAUSE, "pause"),
        (events.GO_ON, "resume"),
        ("cancel", None),
        ('{"command": 1}', None),
        ("[" * 100_000, None),
        ('["cancel"]', None),
    ],
)
def test_commands_are_understood_and_nothing_else_is(line, command):
    assert events.command_in(line) == command
