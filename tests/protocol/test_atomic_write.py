"""Files that appear whole: who may read them, and what is left after a failure."""

import errno
import os
from pathlib import Path

import pytest

from sjc_blender.protocol import atomic_write
from sjc_blender.protocol.atomic_write import atomic_path, write_text
from sjc_blender.protocol.errors import SjcError


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_has_the_permissions_that_any_new_file_has(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_text(tmp_path / "atomic", "x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "disk_full"), (errno.EACCES, "folder_not_writable")], ids=["full", "forbidden"]
)
def test_a_failure_is_told_keeps_the_old_file_and_leaves_no_other(tmp_path: Path, number: int, code: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("old")
    with pytest.raises(SjcError) as told, atomic_path(path) as temporary:
        temporary.write_text("half of the ne")
        raise OSError(number, os.strerror(number))
    assert told.value.code == code
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_library_that_puts_another_file_in_its_place_does_not_change_the_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    path = tmp_path / "checkpoint"
    with atomic_path(path) as temporary:
        temporary.unlink()
        os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="makes links")
def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "theirs").read_text() == "old"
    assert (tmp_path / "link").read_text() == "new" and not (tmp_path / "link").is_symlink()


@pytest.mark.skipif(os.name != "posix", reason="makes pipes")
@pytest.mark.parametrize("write", [atomic_path, atomic_write.atomic_files], ids=["path", "files"])
@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path: Path, write, linked: bool) -> None:
    """Such as ``--json-file /dev/stdout``, which root would do for the whole system."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "stdout").symlink_to(tmp_path / "pipe")
    with (
        pytest.raises(SjcError, match="a pipe or a device") as told,
        write(tmp_path / ("stdout" if linked else "pipe")),
    ):
        pytest.fail("nothing is to be written")
    assert told.value.code == "folder_not_writable"
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "stdout").is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EBUSY])
@pytest.mark.parametrize("times", [1, 5])
def test_a_rename_that_is_refused_for_a_moment_is_tried_again(tmp_path: Path, monkeypatch, number, times) -> None:
    refusals = iter([True] * times)
    really = Path.replace

    def now_and_then(self: Path, target: Path) -> Path:
        if next(refusals, False):
            raise OSError(number, os.strerror(number))
        return really(self, target)

    monkeypatch.setattr(Path, "replace", now_and_then)
    write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"


def test_a_rename_that_is_refused_for_good_is_told_soon(tmp_path: Path, monkeypatch) -> None:
    tried = []

    def never(self: Path, target: Path) -> Path:
        tried.append(target)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "replace", never)
    monkeypatch.setattr(atomic_write, "PATIENCE", 0.2)
    with pytest.raises(SjcError) as told:
        write_text(tmp_path / "file", "new")
    assert told.value.code == "folder_not_writable" and len(tried) > 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a" * 250 + ".json", "ü" * 125 + ".txt", "b" * 255], ids=["ASCII", "UTF-8", "no ending"]
)
def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "new")
    with atomic_write.atomic_files(tmp_path / name) as temporary:
        temporary.write_text("newer")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "newer"}


def test_room_is_asked_for_in_full(tmp_path: Path, monkeypatch) -> None:
    sizes = []
    monkeypatch.setattr(os, "fsync", lambda file: sizes.append(os.fstat(file).st_size))
    atomic_write.require_room(tmp_path, 100_001)
    assert sizes == [100_001]
    assert list(tmp_path.iterdir()) == []


def test_files_written_together_replace_their_namesakes_together(tmp_path: Path) -> None:
    (tmp_path / "chair.obj").write_text("old")
    with atomic_write.atomic_files(tmp_path / "chair.obj") as temporary:
        assert temporary.name == "chair.obj"
        temporary.write_text("new")
        temporary.with_suffix(".mtl").write_text("material")
        assert (tmp_path / "chair.obj").read_text() == "old"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"chair.obj": "new", "chair.mtl": "material"}


@pytest.mark.parametrize("written", [None, "", "half of the ne"], ids=["nothing", "empty", "cut off"])
def test_what_a_full_disk_cut_off_replaces_nothing(tmp_path: Path, monkeypatch, written) -> None:
    """The program that wrote it said nothing; whether there is room left tells."""

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "chair.ply").write_text("old")
    with pytest.raises(SjcError) as told, atomic_write.atomic_files(tmp_path / "chair.ply") as temporary:
        if written is not None:
            temporary.write_text(written)
    assert told.value.code == "disk_full"
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
