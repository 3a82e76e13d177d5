"""Jobs of earlier sessions: found again, told as they are, gone on with, deleted."""

import json
import os
from pathlib import Path

import pytest

from sjc_blender.addon.jobs import job_continuation, job_index, known_jobs
from sjc_blender.addon.jobs.job_index import JobIndex
from sjc_blender.addon.jobs.job_records import RecordState, read_record, read_records
from sjc_blender.protocol import events
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.file_lock import FileLock
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.outside_file import UnusableFile
from sjc_blender.protocol.spec import JobSpec, scheduled
from tests.addon.jobs.processes import until

CHECKPOINT = events.CheckpointSaved("checkpoint.safetensors", 340)


@pytest.fixture
def lay(tmp_path):
    """Give a function that lays down the folder of a job to which these events happened."""

    def make(*told, name="a job", checkpoint=True, result=False, prompt="ein grüner Stuhl"):
        folder = JobFolder.create(tmp_path / "jobs" / name, JobSpec(prompt, seed=7))
        for event in told:
            folder.append_event(event)
        if checkpoint:
            folder.checkpoint.write_bytes(b"state")
        if result:
            for path in (folder.field, folder.mesh, folder.metrics):
                path.write_bytes(b"whole")
        return folder

    return make


def code_of(function, *arguments):
    with pytest.raises(SjcError) as caught:
        function(*arguments)
    return caught.value.code


def test_a_record_tells_the_job(lay):
    folder = lay(CHECKPOINT)
    for number in (50, 300):
        (folder.previews / f"{number:06d}.png").write_bytes(b"png")
    record = read_record(folder.path)
    assert (record.subject, record.seed, record.step, record.steps) == ("ein grüner Stuhl", 7, 340, 10_000)
    assert record.picture == folder.previews / "000300.png"


@pytest.mark.parametrize(
    ("told", "options", "is_open", "state", "offered"),
    [
        # A killed Blender, a killed machine.
        ([CHECKPOINT], {}, True, RecordState.INTERRUPTED, True),
        # Nobody began it here: perhaps it came with a file of somebody else.
        ([CHECKPOINT], {}, None, RecordState.INTERRUPTED, False),
        # A closed Blender: the engine cancelled. Only the index knows that nobody wanted that.
        ([CHECKPOINT, events.Cancelled(340)], {}, True, RecordState.CANCELLED, True),
        ([CHECKPOINT, events.Cancelled(340)], {}, False, RecordState.CANCELLED, False),
        ([CHECKPOINT, events.Cancelled(340)], {}, None, RecordState.CANCELLED, False),
        # It stood in line when Blender was closed.
        ([], {"checkpoint": False}, True, RecordState.WAITING, True),
        ([], {"checkpoint": False}, False, RecordState.WAITING, False),
        ([events.Failed("out_of_memory", "No.")], {}, False, RecordState.FAILED, False),
        ([CHECKPOINT, events.Result({})], {"result": True}, True, RecordState.DONE, False),
        # Nothing to go on with, and nobody began it here.
        ([events.Phase("loading")], {"checkpoint": False}, None, RecordState.INTERRUPTED, False),
    ],
)
def test_what_was_not_the_users_wish_is_offered(lay, told, options, is_open, state, offered):
    record = read_record(lay(*told, **options).path, is_open)
    assert (record.state, record.offered) == (state, offered)


def test_a_job_at_work_is_not_offered(lay):
    folder = lay(CHECKPOINT)
    lock = FileLock.acquire(folder.lock_path)
    record = read_record(folder.path, True)
    lock.release()
    assert (record.state, record.offered, record.resumable) == (RecordState.BUSY, False, False)


def test_a_folder_without_a_job_is_no_record(tmp_path):
    assert read_record(tmp_path) is None


BAD_JOBS = {
    "empty": b"",
    "torn": b"{",
    "a list": b"[]",
    "half": b'{"prompt": "a"}',
    "of other kinds": b'{"prompt": 1, "optimisation": 2}',
    "deep": b'{"a":' * 100_000,
    "deep and whole": b"[" * 2000 + b"]" * 2000,
    "not UTF-8": b"\xff\xfe{",
    "many": b"[" + b"[]," * 2_000_000 + b"[]]",
    "huge": b'{"prompt": "' + b"x" * 20_000_000 + b'"}',
}


@pytest.mark.parametrize("content", BAD_JOBS.values(), ids=BAD_JOBS)
def test_a_bad_job_is_named_and_hides_no_other(lay, tmp_path, content):
    good, bad = lay(name="good"), lay(name="bad")
    bad.spec_path.write_bytes(content)
    records = {record.folder.path: record for record in read_records({}, [tmp_path / "jobs"])}
    assert records[good.path].state is not RecordState.DAMAGED
    record = records[bad.path]
    assert (record.state, record.subject) == (RecordState.DAMAGED, "bad")
    assert not record.resumable and not record.offered
    assert str(bad.spec_path) in record.trouble.message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"steps": 10000', '"steps": 1e999'),
        ('"steps": 10000', '"steps": 1' + "0" * 400),
        ('"steps": 10000', '"steps": "9"'),
        ('"seed": 7', '"seed": 1e999'),
        ('"seed": 7', '"seed": 1' + "0" * 5000),
        ('"seed": 7', '"seed": []'),
        ('"outputs": {', '"outputs": 3, "x": {'),
    ],
)
def test_numbers_and_texts_that_are_none_are_told(lay, old, new):
    folder = lay(CHECKPOINT)
    text = folder.spec_path.read_text(encoding="utf-8")
    assert old in text
    folder.spec_path.write_text(text.replace(old, new), encoding="utf-8")
    assert read_record(folder.path).state is RecordState.DAMAGED


@pytest.mark.parametrize(
    "line",
    [
        '{"event": []}',
        '{"event": {}}',
        '{"event": "progress", "step": 1, "total": 1, "sigma": 1' + "0" * 400 + "}",
        '{"event": "checkpoint", "path": "x", "step": 1e999}',
        '{"event": "checkpoint", "path": "x", "step": ' + "9" * 5000 + "}",
        '{"event": "warning", "message": "\\ud800"}',
        "[" * 10_000,
    ],
)
def test_an_event_of_the_wrong_form_is_passed_over(lay, line):
    folder = lay(CHECKPOINT)
    with folder.events_path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    record = read_record(folder.path)
    assert (record.state, record.step) == (RecordState.INTERRUPTED, 340)


def test_what_a_terminal_would_obey_is_not_in_a_list(lay):
    assert read_record(lay(prompt="a \x1b[31mred\u202e chair").path).subject == "a \ufffd[31mred\ufffd chair"


@pytest.mark.parametrize("missing", ["field", "mesh", "metrics"])
def test_a_job_that_was_killed_between_its_results_is_offered_again(lay, missing):
    folder = lay(CHECKPOINT, result=True)
    assert read_record(folder.path, True).state is RecordState.DONE
    folder.results[missing].unlink()
    record = read_record(folder.path, True)
    assert (record.state, record.offered) == (RecordState.INTERRUPTED, True)


def test_a_job_of_another_release_is_still_shown(lay):
    folder = lay(CHECKPOINT)
    data = json.loads(folder.spec_path.read_text(encoding="utf-8"))
    folder.spec_path.write_text(json.dumps(data | {"version": 99, "from the future": True}), encoding="utf-8")
    assert read_record(folder.path).subject == "ein grüner Stuhl"


def test_folders_of_the_index_and_beside_the_file_come_once_newest_first(lay, tmp_path):
    old, new = lay(name="old"), lay(name="new ü")
    os.utime(old.spec_path, (1, 1))
    (tmp_path / "jobs" / "something else").mkdir()
    records = read_records({new.path: True, tmp_path / "gone": True}, [tmp_path / "jobs", tmp_path / "nowhere"])
    assert [record.folder.path for record in records] == [new.path, old.path]


def test_hundreds_of_jobs_are_read_beside_the_caller(lay, tmp_path, monkeypatch):
    for number in range(300):
        lay(name=f"{number}")
    monkeypatch.setattr(known_jobs, "index_path", lambda: tmp_path / "jobs" / "index.json")
    known_jobs.refresh()
    assert known_jobs.scanning(), "it does not wait"
    until(known_jobs.poll, seconds=20)
    assert len(known_jobs.records) == 300


# ---- The index ----------------------------------------------------------------------------------------------------


def test_the_index_survives_and_two_sessions_write_it(tmp_path):
    path = tmp_path / "user ü" / "index.json"
    JobIndex(path).open(Path("/jobs/ä"))
    JobIndex(path).open(Path("/jobs/b"))
    JobIndex(path).settle(Path("/jobs/ä"))
    assert JobIndex(path).entries() == {Path("/jobs/ä"): False, Path("/jobs/b"): True}
    JobIndex(path).forget(Path("/jobs/ä"))
    assert JobIndex(path).entries() == {Path("/jobs/b"): True}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"jobs": [1]}', '{"jobs": 3}'])
def test_a_broken_index_is_an_empty_one_and_mended(tmp_path, text):
    path = tmp_path / "index.json"
    path.write_text(text)
    index = JobIndex(path)
    assert index.entries() == {}
    index.open(Path("/jobs/a"))
    assert index.entries() == {Path("/jobs/a"): True}


def test_an_index_that_cannot_be_read_for_a_moment_is_not_written_over(tmp_path, monkeypatch):
    index = JobIndex(tmp_path / "index.json")
    for number in range(5):
        index.open(Path(f"/farm/job{number}"))
    refused = iter([True, True])
    really = job_index.read_json

    def now_and_then(*arguments):
        if next(refused, False):
            raise UnusableFile("cannot be read (sharing violation)")
        return really(*arguments)

    monkeypatch.setattr(job_index, "read_json", now_and_then)
    index.open(Path("/farm/new"))
    assert len(index.entries()) == 6

    def never(*_):
        raise UnusableFile("cannot be read (sharing violation)")

    monkeypatch.setattr(job_index, "read_json", never)
    index.open(Path("/farm/newer"))
    monkeypatch.setattr(job_index, "read_json", really)
    assert len(index.entries()) == 6, "nothing is lost"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("[" * 200_000, 0),
        ('{"jobs":[{"folder":1,"open":true},{"folder":"/a","open":true}]}', 1),
        ('{"jobs":{"a":1}}', 0),
        ('{"jobs":[{"folder":"\\u0000","open":true},{"folder":"not absolute","open":true}]}', 0),
    ],
)
def test_entries_of_an_index_are_judged_one_by_one(tmp_path, text, left):
    path = tmp_path / "index.json"
    path.write_text(text)
    entries = JobIndex(path).entries()
    assert len(entries) == left
    assert read_records(entries, []) == []


def test_an_index_that_cannot_be_written_stops_no_job(tmp_path):
    (tmp_path / "file").write_text("")
    JobIndex(tmp_path / "file" / "index.json").open(Path("/jobs/a"))


# ---- More steps ---------------------------------------------------------------------------------------------------


def test_more_steps_are_a_job_of_their_own_that_shares_the_checkpoint(lay, tmp_path):
    first = lay(CHECKPOINT, result=True)
    second = job_continuation.continued(first, 500, tmp_path / "second")
    old, new = first.read_spec(), second.read_spec()
    assert new.optimisation.steps == old.optimisation.steps + 500
    assert scheduled(new) == old, "so that the engine takes the checkpoint"
    assert second.checkpoint.read_bytes() == b"state"
    second.checkpoint.unlink()
    assert first.checkpoint.read_bytes() == b"state"
    assert not list(second.result.iterdir())
    second.checkpoint.write_bytes(b"later")
    third = job_continuation.continued(second, 100, tmp_path / "third").read_spec()
    assert (third.optimisation.steps, third.optimisation.schedule_steps) == (10_600, 10_000)


def test_where_a_disk_knows_no_second_names_the_checkpoint_is_copied(lay, tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", unknown)
    assert job_continuation.continued(lay(), 1, tmp_path / "second").checkpoint.read_bytes() == b"state"


def test_what_cannot_go_on_is_said(lay, tmp_path):
    assert code_of(job_continuation.continued, lay(checkpoint=False), 10, tmp_path / "x") == "no_checkpoint"
    assert code_of(job_continuation.continued, lay(name="b"), 0, tmp_path / "x") == "bad_steps"
    assert code_of(job_continuation.continued, JobFolder(tmp_path / "none"), 10, tmp_path / "x") == "no_job"
    assert not (tmp_path / "x").exists()


# ---- Deletion -----------------------------------------------------------------------------------------------------


def test_a_job_is_deleted_whole(lay):
    folder = lay(CHECKPOINT, result=True)
    (folder.result / "ein-grüner-stuhl-seed7-2.vdb").write_bytes(b"grid")
    folder.delete()
    assert not folder.path.exists()


def test_what_someone_else_put_there_stays(lay):
    folder = lay(CHECKPOINT)
    (folder.path / "notes.txt").write_text("mine")
    folder.delete()
    assert [path.name for path in folder.path.iterdir()] == ["notes.txt"]


def test_nothing_else_than_a_job_is_deleted(lay, tmp_path):
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "thesis.txt").write_text("years")
    assert code_of(JobFolder(tmp_path).delete) == "no_job"
    assert (tmp_path / "result" / "thesis.txt").exists()
    link = tmp_path / "link"
    link.symlink_to(lay().path)
    assert code_of(JobFolder(link).delete) == "no_job"


def test_a_job_at_work_is_not_deleted(lay):
    folder = lay(CHECKPOINT)
    lock = FileLock.acquire(folder.lock_path)
    assert code_of(folder.delete) == "engine_busy"
    lock.release()
    assert folder.checkpoint.exists()
