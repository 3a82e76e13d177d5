"""The parts of a farm that need no processes."""

import asyncio
import io
import stat
import sys
import threading
import time
from pathlib import Path

import pytest
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.core import RPCClosed

from benchmarks.farm.local_farm import stub_job
from sjc_blender.farm import run_and_stop, serve_and_join
from sjc_blender.farm.connection import connection
from sjc_blender.farm.job_unit import Outcome, State, run_unit
from sjc_blender.farm.keys import make_keys
from sjc_blender.farm.path_map import path_map
from sjc_blender.farm.submission import FarmJob, Submission
from sjc_blender.farm.travelling_folder import packed_job, packed_result, unpack_job, unpack_result
from sjc_blender.protocol import events, farm_lines, presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder


@pytest.mark.parametrize(
    ("entries", "there", "here"),
    [
        ([r"S:\jobs=/mnt/jobs"], r"S:\jobs\chair", "/mnt/jobs/chair"),
        ([r"S:\jobs=/mnt/jobs"], r"s:/jobs/chair", "/mnt/jobs/chair"),
        ([r"S:\jobs=/mnt/jobs"], r"S:\jobs2\chair", r"S:\jobs2\chair"),
        (["/Volumes/jobs=/mnt/jobs"], "/Volumes/jobs/a/b", "/mnt/jobs/a/b"),
        (["/Volumes/jobs=/mnt/jobs"], "/volumes/jobs/a", "/volumes/jobs/a"),
        (["/a=/x", "/a/b=/y"], "/a/b/c", "/y/c"),
        ([r"\\nas\jobs=/mnt/jobs"], r"\\NAS\jobs\chair", "/mnt/jobs/chair"),
        ([], "/a/b", "/a/b"),
    ],
)
def test_a_path_of_another_machine_is_found_here(entries, there, here):
    assert path_map(entries).here(there) == Path(here)


@pytest.mark.parametrize("entry", ["", "=", "a=", "=b", "nothing", ".=b", ".\\.=b"])
def test_an_entry_that_is_no_pair_is_refused(entry):
    with pytest.raises(SjcError, match="THERE=HERE"):
        path_map([entry])


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1", "tcp://127.0.0.1:8786"),
        ("localhost:99", "tcp://localhost:99"),
        ("tcp://127.0.0.1:99", "tcp://127.0.0.1:99"),
        ("[::1]:99", "tcp://[::1]:99"),
        ("::1", "tcp://[::1]:8786"),
    ],
)
def test_addresses_of_this_machine(text, address):
    assert connection(text, None).address == address


@pytest.mark.parametrize("text", ["", ":8786", "host:port", "127.0.0.1:99999", "127.0.0.1:-1"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(SjcError) as caught:
        connection(text, None)
    assert caught.value.code == "bad_address"


@pytest.mark.parametrize("text", ["0.0.0.0", "server:8786", "192.168.1.4", "[::]:1"])
def test_another_machine_is_refused_without_keys_and_not_with_them(text, tmp_path):
    with pytest.raises(SjcError) as caught:
        connection(text, None)
    assert caught.value.code == "farm_not_encrypted"
    assert "farm keys" in str(caught.value)
    assert connection(text, tmp_path).address.startswith("tls://")


def test_each_machine_gets_a_key_that_nobody_else_may_read(tmp_path):
    folders = make_keys(tmp_path / "keys", ["server", "node1"])
    assert [folder.name for folder in folders] == ["server", "node1"]
    if sys.platform != "win32":
        for key in (tmp_path / "keys").glob("*/key.pem"):
            assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = (tmp_path / "keys/node1/certificate.pem").read_bytes()
    assert [folder.name for folder in make_keys(tmp_path / "keys", ["node1", "node2"])] == ["node2"]
    assert (tmp_path / "keys/node1/certificate.pem").read_bytes() == before
    roots = {path.read_bytes() for path in (tmp_path / "keys").glob("*/authority.pem")}
    assert len(roots) == 1


@pytest.mark.parametrize("name", ["", "../up", "a/b", "authority", "a b", "-x"])
def test_names_that_are_no_machines_are_refused(name, tmp_path):
    with pytest.raises(SjcError, match="not a name of a machine"):
        make_keys(tmp_path / "keys", [name])
    assert not (tmp_path / "keys").exists()


def test_a_job_and_its_result_arrive_whole(tmp_path):
    job = stub_job(tmp_path / "job")
    there = JobFolder(tmp_path / "spool" / "job")
    unpack_job(packed_job(job), there)
    assert there.read_spec() == job.read_spec()
    there.field.write_bytes(b"field")
    there.metrics.write_bytes(b"{}")
    there.checkpoint.write_bytes(b"checkpoint")
    unpack_result(packed_result(there), job)
    assert (job.field.read_bytes(), job.metrics.read_bytes(), job.checkpoint.read_bytes()) == (
        b"field",
        b"{}",
        b"checkpoint",
    )


@pytest.mark.parametrize(
    "name", ["../escape", "/etc/passwd", "result/../../x", "settings.json", "run.py", "job.json/x"]
)
def test_a_machine_cannot_send_other_files(name, tmp_path):
    job = stub_job(tmp_path / "job")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SjcError, match="no file of a job"):
        unpack_result({name: b"x"}, job)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_engine_that_dies_is_told_and_not_waited_for(tmp_path, monkeypatch):
    job = stub_job(tmp_path / "job")
    monkeypatch.setenv("SJC_FARM_ENGINE", f'["{sys.executable}", "-c", "raise SystemExit(7)"]')
    outcome = run_unit(job, lambda event: None, lambda: False)
    assert (outcome.state, outcome.code) == (State.FAILED, "engine_died")
    assert "code 7" in outcome.message


def test_a_folder_without_a_job_starts_no_engine(tmp_path, monkeypatch):
    monkeypatch.setenv("SJC_FARM_ENGINE", '["/nonexistent"]')
    outcome = run_unit(JobFolder(tmp_path), lambda event: None, lambda: False)
    assert (outcome.state, outcome.code, outcome.computed) == (State.FAILED, "no_job", False)


def test_a_worker_without_a_home_folder_asks_for_a_place(monkeypatch, tmp_path):
    monkeypatch.setattr(serve_and_join, "home_folder", lambda: None)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    with pytest.raises(SjcError) as refused:
        serve_and_join._own_spool()
    assert refused.value.code == "no_home_folder" and "--spool" in refused.value.hint
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert serve_and_join._own_spool() == tmp_path / "sjc_farm"


class Scheduler:
    """A client's view of a scheduler: connected or not."""

    def __init__(self, status):
        self.status = status


def submission_of(folder):
    """Make a submission of one job that tells nobody."""
    return Submission(
        connection("127.0.0.1:9", None),
        [folder],
        shared=True,
        priority=0,
        tell=lambda job, event: None,
        ended=lambda job: None,
        say=lambda sentence: None,
        patience=0,
    )


def a_round_that(raises, status, monkeypatch, tmp_path):
    """Run a submission whose first round raises, and whose second one ends its job."""
    rounds = []

    def one_round(submission, client):
        rounds.append(client)
        if len(rounds) == 1:
            raise raises
        submission.jobs[0].outcome = Outcome(State.DONE)

    monkeypatch.setattr(Submission, "_round", one_round)
    monkeypatch.setattr(Submission, "_connected", lambda submission, stop: Scheduler(status))
    submission = submission_of(stub_job(tmp_path / "job"))
    submission.run(lambda: False)
    return len(rounds)


@pytest.mark.parametrize(
    ("raises", "status"),
    [
        (OSError("closed"), "running"),
        (TimeoutError(), "running"),
        (asyncio.CancelledError(), "running"),
        (FutureCancelledError("sjc-job-0", "scheduler-connection-lost"), "running"),
        (ClosedClientError("closed"), "running"),
        (RPCClosed("closed"), "running"),
        (RuntimeError("ConnectionPool is closed"), "closed"),
        (AttributeError("'NoneType' object has no attribute 'write'"), "closed"),
    ],
)
def test_a_scheduler_that_goes_in_the_middle_of_a_question_is_waited_for(raises, status, monkeypatch, tmp_path):
    assert a_round_that(raises, status, monkeypatch, tmp_path) == 2


def test_a_mistake_of_ours_is_not_taken_for_a_lost_scheduler(monkeypatch, tmp_path):
    with pytest.raises(RuntimeError, match="ours"):
        a_round_that(RuntimeError("ours"), "running", monkeypatch, tmp_path)


def test_a_job_wants_a_worker_with_all_of_its_models(tmp_path):
    model = {"source": "some/model", "control": "some/control"}
    guide = {"digest": "0" * 64, "picture": "depth"}
    guided = presets.new_job("a chair", model=model, guide=guide, preset="draft")
    submission = submission_of(JobFolder.create(tmp_path / "job", guided))
    submission.run(lambda: bool(submission.jobs))
    assert submission.jobs[0].resources == {"model some/model": 1, "model some/control": 1}


class SlowStream(io.StringIO):
    """A stream that lets other threads in after each piece that is written."""

    def write(self, text: str) -> int:
        written = super().write(text)
        time.sleep(1e-4)
        return written


def test_lines_of_two_threads_are_whole(monkeypatch, tmp_path):
    folder = JobFolder(tmp_path / "job")
    done = FarmJob(folder, "job", outcome=Outcome(State.DONE))
    stream, tell = SlowStream(), run_and_stop._Lines()
    monkeypatch.setattr(sys, "stdout", stream)
    phases = threading.Thread(target=lambda: [tell.event(done, events.Phase("optimising")) for _ in range(100)])
    phases.start()
    for _ in range(100):
        tell.ended(done)
    phases.join()
    told = [farm_lines.from_line(line) for line in stream.getvalue().splitlines()]
    assert None not in told
    kinds = [type(event) for _, event in told]
    assert kinds.count(events.Phase) == kinds.count(events.Result) == 100
