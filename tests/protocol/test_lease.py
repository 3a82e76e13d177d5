"""Who works where: also without file locks, and when a computer is gone."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sjc_blender.protocol import file_lock, lease
from sjc_blender.protocol.lease import Lease, holder_of, is_held

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(lease, "STALE_SECONDS", 0.5)
    monkeypatch.setattr(lease, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(lease, "_seen", {})


@pytest.fixture(params=[errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def no_locks(request, monkeypatch):
    """Let every lock fail as on a disk that has none."""

    def fail(_handle: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(file_lock, "_try_lock", fail)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine.lease"


def of_another_host(path: Path, beats: int = 0, **changes: object) -> None:
    told = {
        "version": 1,
        "host": "node7",
        "system": "b",
        "process": 1,
        "started": 1.0,
        "token": "t",
        "beat": str(beats),
    }
    path.write_text(json.dumps(told | changes))


def alive(path: Path, ended: threading.Event) -> threading.Thread:
    """Keep another computer's lease fresh."""

    def beat() -> None:
        beats = 0
        while not ended.wait(0.05):
            beats += 1
            of_another_host(path, beats)

    thread = threading.Thread(target=beat)
    of_another_host(path)
    thread.start()
    return thread


def test_it_is_held_by_one_and_given_back(path):
    held = Lease.acquire(path)
    assert held is not None and is_held(path) and not held.without_locks
    assert Lease.acquire(path) is None
    assert holder_of(path).process == os.getpid()
    held.release()
    assert not is_held(path) and not path.exists()
    again = Lease.acquire(path)
    assert again is not None
    again.release()


def test_without_locks_it_alone_keeps_others_out(path, no_locks):
    held = Lease.acquire(path)
    assert held is not None and held.without_locks and is_held(path)
    assert Lease.acquire(path) is None, "its beats are seen"
    assert is_held(path)
    held.release()
    assert not is_held(path)


def test_a_lock_file_that_nobody_holds_is_not_held_for_ever(path, no_locks):
    lease.lock_of(path).touch()
    assert not is_held(path)


def killed_holder(path: Path) -> int:
    program = (
        "import sys, time; from pathlib import Path; from sjc_blender.protocol import file_lock, lease\n"
        "if len(sys.argv) > 2:\n"
        "    def fail(handle): raise OSError(38, 'no')\n"
        "    file_lock._try_lock = fail\n"
        "held = lease.Lease.acquire(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, cwd=Path.cwd())
    assert child.stdout is not None and child.stdout.readline() == b"held\n"
    assert is_held(path)
    child.kill()
    child.wait()
    child.stdout.close()
    return child.pid


def test_a_killed_holder_of_this_computer_is_known_to_be_gone_at_once(path, monkeypatch):
    monkeypatch.setattr(lease, "STALE_SECONDS", 60)
    killed_holder(path)
    assert path.exists() and not is_held(path)
    held = Lease.acquire(path)
    assert held is not None
    held.release()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is watched")
def test_so_it_is_without_locks(path, no_locks, monkeypatch):
    monkeypatch.setattr(lease, "STALE_SECONDS", 60)
    with monkeypatch.context() as patched:
        patched.undo()
    killed_holder(path)
    assert not is_held(path)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"[" * 4000, b"x" * 5000], ids=str)
def test_a_lease_of_another_computer_that_stays_silent_is_taken_over(path, content):
    of_another_host(path) if content is None else path.write_bytes(content)
    waited: list[object] = []
    began = time.monotonic()
    held = Lease.acquire(path, waiting=waited.append)
    assert held is not None and time.monotonic() - began >= 0.5
    assert len(waited) == 1
    assert holder_of(path).process == os.getpid()
    held.release()


def test_a_lease_of_another_computer_that_is_renewed_is_left(path):
    ended = threading.Event()
    thread = alive(path, ended)
    try:
        assert Lease.acquire(path) is None
        assert is_held(path)
        assert not list(path.parent.glob(".engine-*"))
    finally:
        ended.set()
        thread.join()
    time.sleep(0.1)
    assert is_held(path), "it was seen fresh just now"
    time.sleep(0.6)
    assert not is_held(path), "and not since"


def test_the_clock_of_another_computer_does_not_matter(path):
    of_another_host(path, started=4e9)
    os.utime(path, (4e9, 4e9))
    held = Lease.acquire(path)
    assert held is not None
    held.release()


def test_who_was_silent_for_too_long_learns_that_he_lost_it(path):
    held = Lease.acquire(path)
    assert held is not None and not held.lost
    of_another_host(path)
    end = time.monotonic() + 5
    while not held.lost and time.monotonic() < end:
        time.sleep(0.01)
    assert held.lost
    held.release()
    assert holder_of(path).host == "node7", "the other's lease stays"


def test_one_of_many_gets_it(path, no_locks):
    of_another_host(path)
    won: list[Lease | None] = []
    threads = [threading.Thread(target=lambda: won.append(Lease.acquire(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(0.2)
    holders = [held for held in won if held is not None and not held.lost]
    assert len(holders) == 1
    holders[0].release()
