"""What surrounds the engine's process: libraries of other programs, and limits on its memory."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sjc_blender.engine.forecast import main_memory, memory_limits
from sjc_blender.engine.forecast.memory_limits import MainMemory

REPOSITORY = Path(__file__).resolve().parents[2]
GIGABYTE = 1 << 30


@pytest.mark.skipif(sys.platform != "linux", reason="its name of the library")
@pytest.mark.parametrize("variable", ["LD_LIBRARY_PATH", "LD_PRELOAD"])
def test_libraries_of_another_program_do_not_break_the_engine(tmp_path, variable):
    library = tmp_path / "libstdc++.so.6"
    library.write_bytes(b"not the library that torch needs")
    value = str(tmp_path if variable == "LD_LIBRARY_PATH" else library)
    import_torch = [sys.executable, "-c", "import torch"]
    broken = subprocess.run(import_torch, env=os.environ | {variable: value}, capture_output=True, text=True)
    command = [sys.executable, "-m", "sjc_blender.engine", "forecast", "--prompt", "a red chair", "--json"]
    environ = os.environ | {variable: value, "PYTHONPATH": str(REPOSITORY)}
    told = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("{")
    assert (f"{variable}={value}" in told.stderr) == (broken.returncode != 0)
    if variable == "LD_LIBRARY_PATH":
        assert broken.returncode != 0  # the control: as it is, torch cannot be loaded


@pytest.mark.skipif(sys.platform != "linux", reason="only there")
def test_libraries_that_do_no_harm_are_kept(tmp_path):
    script = "import os; from sjc_blender.engine.this_process.library_path import leave_foreign_libraries; "
    script += "leave_foreign_libraries(); print(os.environ['LD_LIBRARY_PATH'])"
    command = [sys.executable, "-c", script]
    environ = os.environ | {"LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    told = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=120)
    assert (told.stdout.strip(), told.stderr) == (str(tmp_path), "")


def write(folder, **values):
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


def limits(tmp_path, cgroup):
    (tmp_path / "cgroup").write_text(cgroup)
    return list(memory_limits._of_cgroups(tmp_path / "fs", tmp_path))


def test_a_groups_limit_counts_and_so_does_that_around_it(tmp_path):
    stat = f"anon 5\ninactive_file {GIGABYTE}\nactive_file 7"
    inner, outer = tmp_path / "fs" / "a" / "b", tmp_path / "fs" / "a"
    write(inner, memory__max=4 * GIGABYTE, memory__current=3 * GIGABYTE, memory__stat=stat,
          memory__swap__max=GIGABYTE, memory__swap__current=GIGABYTE // 2)  # fmt: skip
    write(outer, memory__max=5 * GIGABYTE, memory__current=5 * GIGABYTE, memory__swap__max="max")
    write(tmp_path / "fs", memory__max="max", memory__current=7)
    assert limits(tmp_path, "0::/a/b\n") == [
        MainMemory(2 * GIGABYTE, 5 * GIGABYTE // 2, 4 * GIGABYTE),
        MainMemory(0, 0, 5 * GIGABYTE),
    ]


def test_the_older_groups_count_too_also_where_a_container_sees_only_their_top(tmp_path):
    top = tmp_path / "fs" / "memory"
    write(top, memory__limit_in_bytes=2 * GIGABYTE, memory__usage_in_bytes=GIGABYTE)
    write(top, memory__stat=f"inactive_file 7\ntotal_inactive_file {GIGABYTE // 2}")
    told = "9:name=systemd:/x\n4:cpuset,memory:/docker/0123\n3:cpu:/\n0::/\n"
    assert limits(tmp_path, told) == [MainMemory(3 * GIGABYTE // 2, 3 * GIGABYTE // 2, 2 * GIGABYTE)]
    write(top, memory__limit_in_bytes=9223372036854771712)
    assert limits(tmp_path, told) == []


@pytest.mark.parametrize("told", ["", "x", "0::", "0::/../../etc", "4:memory:\n" * 3, "\x00"])
def test_groups_that_say_nothing_limit_nothing(tmp_path, told):
    assert limits(tmp_path, told) == []


def test_the_least_of_all_is_what_is_free(monkeypatch):
    monkeypatch.setattr(main_memory, "memory_limits", lambda: iter([MainMemory(5, 6, 7), MainMemory(9, 4, 8)]))
    assert main_memory.main_memory() == MainMemory(5, 4, 7)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS sets no such limits")
@pytest.mark.parametrize("kind", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_shells_limit_counts(kind):
    asked = "from sjc_blender.engine.forecast.main_memory import main_memory; m = main_memory(); print(m.free, m.total)"
    limit = 3 * GIGABYTE

    def lower():
        resource.setrlimit(getattr(resource, kind), (limit, limit))

    said = subprocess.run(
        [sys.executable, "-c", asked], preexec_fn=lower, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    free, total = map(int, said)
    assert free < limit
    assert total <= limit
