"""The quick start of the documentation on two machines that reach each other by a cable: two network namespaces."""

import json
import os
import shutil
import subprocess

import pytest

from benchmarks.farm.local_farm import LocalFarm, stub_job

SERVER, NODE = "10.213.7.1", "10.213.7.2"


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=30)


@pytest.fixture
def cable():
    """Give the names of two network namespaces with a cable between them, and nothing else."""
    names = [f"sjc-{side}-{os.getpid()}" for side in ("server", "node")]
    if shutil.which("ip") is None or ip("netns", "add", names[0]).returncode != 0:
        pytest.skip("needs iproute2 and the right to make network namespaces; the other tests use one machine")
    try:
        assert ip("netns", "add", names[1]).returncode == 0
        link = ("link", "add", "sjc0", "netns", names[0], "type", "veth", "peer", "name", "sjc0", "netns", names[1])
        done = ip(*link)
        assert done.returncode == 0, done.stderr
        for name, address in zip(names, (SERVER, NODE), strict=True):
            for words in (
                ("addr", "add", f"{address}/24", "dev", "sjc0"),
                ("link", "set", "sjc0", "up"),
                ("link", "set", "lo", "up"),
            ):
                assert ip("-n", name, *words).returncode == 0
        yield names
    finally:
        for name in names:
            ip("netns", "delete", name)


class Machine(LocalFarm):
    """What a machine runs stays in its namespace."""

    def __init__(self, folder, namespace):
        super().__init__(folder)
        self.namespace = namespace

    def command(self, *arguments):
        return ["ip", "netns", "exec", self.namespace, *super().command(*arguments)]


def test_the_quick_start_on_two_machines(cable, tmp_path):
    server, node = (Machine(tmp_path / name.split("-")[1], name) for name in cable)
    keys = tmp_path / "farm-keys"
    jobs = [stub_job(tmp_path / "jobs" / f"job{seed}", seed) for seed in range(4)]
    try:
        done = server.run("keys", keys, "server", "node1")
        assert done.returncode == 0, done.stderr
        server.scheduler = server.popen(
            *("serve", "--host", "0.0.0.0", "--workers", 0, "--keys", keys / "server", "--spool", tmp_path / "a"),
            log="serve.log",
        )
        node.workers.append(
            node.popen(
                *("join", f"{SERVER}:8786", "--workers", 1, "--keys", keys / "node1", "--spool", tmp_path / "b"),
                log="join.log",
            )
        )
        done = server.run(
            *("run", *[job.path for job in jobs], "--scheduler", f"{SERVER}:8786", "--keys", keys / "server"),
            *("--json", "--not-shared"),
        )
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert [entry["state"] for entry in told] == ["done"] * 4, done.stderr
        assert all(job.field.exists() for job in jobs)
        assert len(list((tmp_path / "b" / "jobs").iterdir())) == 4, "the other machine has computed them"

        without = node.run("run", jobs[0].path, "--scheduler", f"{SERVER}:8786")
        assert without.returncode != 0 and "keys" in without.stderr
    finally:
        node.close()
        server.close()
