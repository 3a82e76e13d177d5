"""A job's folder from a stranger: whatever is in place of its files, nothing outside is read, changed or waited for."""

import os
import struct
import threading
import zipfile
from pathlib import Path

import pytest

from sjc_blender.protocol import array_file, events, lease, plain_files, presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import RESULT_FILES, JobFolder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="makes links and pipes")

FILES = [
    "job.json",
    "events.jsonl",
    "log.txt",
    "engine.lock",
    "engine.lease",
    "settings.json",
    "proxy.npz",
    "origin.safetensors",
    "region.npz",
    "checkpoint.safetensors",
    "previews/live.npz",
    *(f"result/{name}" for name in RESULT_FILES.values()),
]
FOLDERS = ["previews", "result"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Watch what may be another computer's lease for a moment only."""
    monkeypatch.setattr(lease, "STALE_SECONDS", 0.3)


@pytest.fixture
def spec():
    return presets.new_job("a red chair", model="some/model")


@pytest.fixture
def folder(tmp_path, spec):
    return JobFolder.create(tmp_path / "job", spec)


@pytest.fixture
def canary(tmp_path):
    """Give a folder of the user's beside the job, and see at the end that nobody touched it."""
    place = tmp_path / "home"
    (place / "sub").mkdir(parents=True)
    for name in ("bashrc", "sub/field.npz", "sub/000050.png"):
        (place / name).write_text("alias ll='ls -l'")
    yield place
    assert sorted(path.relative_to(place).as_posix() for path in place.rglob("*")) == [
        "bashrc",
        "sub",
        "sub/000050.png",
        "sub/field.npz",
    ]
    for path in place.rglob("*"):
        assert path.is_dir() or path.read_text() == "alias ll='ls -l'"


def put(path: Path, kind: str, canary: Path) -> None:
    """Put something else in the place of a file or a folder."""
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    if kind == "link":
        path.symlink_to(canary / "sub" if path.name in FOLDERS else canary / "bashrc")
    elif kind == "dangling link":
        path.symlink_to(canary / "new")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
        (path / "inside").write_text("mine")


def within(seconds: float, function, *arguments):
    """Call a function, which may wait for no one; give its error."""
    caught: list[BaseException | None] = []

    def call() -> None:
        try:
            function(*arguments)
            caught.append(None)
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    assert caught, f"{function} waits"
    return caught[0]


def uses(folder: JobFolder, spec):
    """Everything that reads, adds to and writes."""
    path = folder.to_write
    return {
        "create": lambda: JobFolder.create(folder.path, spec),
        "read": folder.read_spec,
        "event": lambda: folder.append_event(events.Phase("loading")),
        "log": lambda: folder.append(folder.log_path).close(),
        "claim": lambda: folder.claim().release(),
        "settings": lambda: folder.write_text(folder.settings_path, "{}"),
        "preview": lambda: path(folder.preview(50)).write_bytes(b""),
        "live": lambda: path(folder.live_field),
        "checkpoint": lambda: path(folder.checkpoint),
        "results": lambda: [path(result) for result in folder.results.values()],
        "inputs": lambda: [path(given) for given in folder.inputs],
        "busy": lambda: folder.busy,
        "newest": folder.newest_preview,
        "done": lambda: folder.is_done(["volume", "mesh"]),
        "own": folder.own_files,
        "sweep": folder.sweep,
    }


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_what_is_no_plain_file_is_refused_by_name_and_nothing_outside_changes(folder, spec, canary, name, kind):
    if name in FOLDERS and kind == "folder":
        pytest.skip("so it is")
    put(folder.path / name, kind, canary)
    refused = within(5, folder.read_spec)
    assert isinstance(refused, SjcError) and refused.code == "not_a_plain_file"
    assert str(folder.path / name) in refused.message
    for use, function in uses(folder, spec).items():
        error = within(5, function)
        assert error is None or isinstance(error, SjcError), (use, error)


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_deleting_such_a_folder_deletes_nothing_outside_and_nothing_of_the_users(folder, canary, name, kind):
    if name in FOLDERS and kind == "folder":
        pytest.skip("so it is")
    put(folder.path / name, kind, canary)
    error = within(5, folder.delete)
    assert error is None or isinstance(error, SjcError)
    if kind == "folder":
        assert (folder.path / name / "inside").read_text() == "mine"


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_a_second_name_elsewhere_is_not_changed(folder, spec, canary, name):
    path = folder.path / name
    path.unlink(missing_ok=True)
    os.link(canary / "bashrc", path)
    for use, function in uses(folder, spec).items():
        error = within(5, function)
        assert error is None or isinstance(error, SjcError), (use, error)
    if name in ("log.txt", "events.jsonl", "engine.lock"):
        with pytest.raises(SjcError) as refused:
            plain_files.append_plain(folder.path, path)
        assert refused.value.code == "not_a_plain_file"


@pytest.mark.parametrize("name", ["engine.lock", "engine.lease"])
def test_a_lock_is_not_written_into_a_file_with_a_second_name(folder, canary, name):
    os.link(canary / "bashrc", folder.path / name)
    with pytest.raises(SjcError) as refused:
        plain_files.open_lock_file(folder.path / name)
    assert refused.value.code == "not_a_plain_file"


def test_a_file_behind_a_link_made_in_between_is_not_opened(folder, canary, monkeypatch):
    folder.result.rmdir()
    folder.result.symlink_to(canary / "sub")
    monkeypatch.setattr(plain_files, "require_plain", lambda root, path: True)
    with pytest.raises(OSError):
        folder.open(folder.field)


@pytest.mark.parametrize("name", ["../home/bashrc", "/etc/passwd", "result/../../home/bashrc", "", ".", "a\0b"])
def test_an_events_path_leads_nowhere_else(folder, canary, name):
    assert folder.told(name) is None


def test_a_file_is_measured_before_it_is_read(folder):
    with folder.spec_path.open("wb") as file:
        file.truncate(1 << 40)
    error = within(5, folder.read_spec)
    assert isinstance(error, SjcError) and error.code == "file_too_large"
    assert str(folder.spec_path) in error.message


@pytest.mark.parametrize("name", FILES)
def test_empty_files_are_values_or_sentences(folder, spec, name):
    (folder.path / name).write_bytes(b"")
    for use, function in uses(folder, spec).items():
        error = within(5, function)
        assert error is None or isinstance(error, SjcError), (use, error)


def test_the_folder_itself_may_be_reached_by_a_link(folder, tmp_path, spec):
    (tmp_path / "disk").symlink_to(tmp_path)
    assert JobFolder(tmp_path / "disk" / "job").read_spec() == spec


def test_arrays_beyond_number_are_refused_before_they_are_listed(tmp_path):
    """A zip's list of entries may be as long as the file, and is no array whose size a header tells."""
    count = 20_000
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", *(20, 0, 20), *(0,) * 8, 5, *(0,) * 6) + b"a.npy"
    listed = entry * count
    sixty_four = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(listed), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(listed), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / "field.npz").write_bytes(listed + sixty_four + locator + end)
    with zipfile.ZipFile(tmp_path / "field.npz") as archive:
        assert len(archive.infolist()) == count
    with (tmp_path / "field.npz").open("rb") as file, pytest.raises(array_file.BadArrays, match="list of its arrays"):
        array_file.read_arrays(file, ["density"], 1000)
