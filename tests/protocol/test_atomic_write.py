"""Files that appear whole: who may read them, and what is left after a failure."""

import errno
import os
from pathlib import Path

import pytest

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
