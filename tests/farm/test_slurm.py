"""The batch file in a real Slurm: one node, this machine."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sjc_blender.protocol import presets
from sjc_blender.protocol.job_folder import JobFolder
from tests.engine.tiny_pipeline import save_tiny_pipeline

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("ip", "slurmctld", "slurmd", "sbatch", "scancel", "scontrol", "squeue")
pytestmark = [
    pytest.mark.skipif(
        not all(map(shutil.which, PROGRAMS)) or os.geteuid() != 0,
        reason="needs Slurm, ip (Debian: slurm-wlm, iproute2) and root; test_templates.py runs the batch file without",
    ),
]

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SchedulerType=sched/builtin
SelectType=select/cons_tres
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""


def told(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout.strip()


def wait_for(condition, seconds=240):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.fixture
def address():
    """Give this machine an address where it has none but its loopback: Slurm resolves no other there."""
    ours = f"slurm{os.getpid()}"
    commands = (
        f"link add {ours} type veth peer name {ours}p",
        f"address add 10.213.8.1/24 dev {ours}",
        f"link set {ours} up",
        f"link set {ours}p up",
    )
    if not told("ip", "-4", "-o", "address", "show", "scope", "global"):
        done = [subprocess.run(["ip", *words.split()], capture_output=True, timeout=60) for words in commands]
        if any(one.returncode for one in done):
            pytest.skip("Slurm needs an address beside the loopback, and none can be made here")
    yield
    subprocess.run(["ip", "link", "delete", ours], capture_output=True, timeout=60)


@pytest.fixture
def slurm(address, tmp_path, monkeypatch):
    """Start a Slurm of this machine alone, without munge and control groups."""
    folder = tmp_path / "slurm"
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    configuration = folder / "slurm.conf"
    host = os.uname().nodename.split(".")[0]
    configuration.write_text(CONFIGURATION.format(host=host, folder=folder, ports=free_ports(2)))
    monkeypatch.setenv("SLURM_CONF", str(configuration))
    daemons = []
    try:
        for program in ("slurmctld", "slurmd"):
            with (folder / f"{program}.out").open("w") as out:
                daemons.append(subprocess.Popen([program, "-D", "-c"], stdout=out, stderr=out))
        end = time.monotonic() + 60
        while not subprocess.run(["sinfo", "-h", "-t", "idle"], capture_output=True).stdout.strip():
            if time.monotonic() > end:
                said = (folder / "slurmctld.out").read_text() + (folder / "slurmd.out").read_text()
                pytest.skip(f"Slurm does not start here; test_templates.py runs the batch file without: {said[-500:]}")
            time.sleep(0.1)
        yield
    finally:
        subprocess.run(["scancel", "--full", "--user=root"], capture_output=True, timeout=60)
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(60)


def test_a_task_that_is_told_to_stop_goes_on_later_and_nothing_differs(slurm, tmp_path):
    model = save_tiny_pipeline(tmp_path / "model", "v_prediction")
    settings = {"steps": 400, "guidance_scale": 3.0, "emptiness_weight": 0, "checkpoint_every": 1000}
    spec = presets.new_job(
        "a red chair", model=str(model), field={"resolution": 12}, outputs={"colour_views": 4}, optimisation=settings
    )
    jobs = [JobFolder.create(tmp_path / "jobs" / name, spec) for name in ("a", "b")]
    variables = f"ALL,JOBS={tmp_path / 'jobs'},PYTHON={sys.executable},PYTHONPATH={ROOT}"
    batch = ROOT / "sjc_blender" / "farm" / "templates" / "slurm.sbatch"
    number = told(
        "sbatch",
        "--parsable",
        "--array=0-1",
        "--cpus-per-task=1",
        f"--chdir={tmp_path}",
        f"--export={variables}",
        batch,
    )

    wait_for(lambda: jobs[0].events_path.exists() and b'"step"' in jobs[0].events_path.read_bytes())
    told("scancel", "--batch", "--signal=TERM", f"{number}_0")  # as Slurm does before the time is over
    wait_for(lambda: jobs[0].checkpoint.exists())
    wait_for(lambda: "BeginTime" in told("squeue", "-h", "-o", "%r", "-j", number))
    told("scontrol", "update", f"JobId={number}_0", "StartTime=now")  # Slurm waits two minutes otherwise
    wait_for(lambda: all(job.is_done(("volume", "mesh")) for job in jobs))
    wait_for(lambda: not told("squeue", "-h", "-j", number))

    log = (tmp_path / f"sjc-{number}-0.log").read_text()
    assert log.count("Cancelled after step") == 1 and log.count("Loading the model") == 2, log
    assert jobs[0].field.read_bytes() == jobs[1].field.read_bytes()
