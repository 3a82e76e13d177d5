"""Files and folders that a test may not read, whoever runs it: root becomes nobody for that long."""

import os
from contextlib import contextmanager

import pytest

NOBODY = 65534


@contextmanager
def unreadable(path):
    """Take the permissions of `path` away; what is around it stays readable for everyone."""
    if os.name != "posix":
        pytest.skip("permissions of POSIX")
    mode, user = path.stat().st_mode, os.geteuid()
    for folder in path.parents:
        if folder.stat().st_mode & 0o005 != 0o005 and folder.stat().st_uid == user:
            folder.chmod(folder.stat().st_mode | 0o755)
    path.chmod(0)
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        path.chmod(mode)
