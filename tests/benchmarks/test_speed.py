"""The benchmark's arithmetic and its report, on samples whose medians are known; and one part, run as users do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.speed.child import measured
from benchmarks.speed.findings import Findings, Table, ratio, shown
from benchmarks.speed.interleaved import Step, interleaved
from benchmarks.speed.renderer import named_ratios
from benchmarks.speed.renderer_step import STATES, contender_step
from benchmarks.speed.report import Measured, Report

REPOSITORY = Path(__file__).resolve().parents[2]
MACHINE = {"platform": "Linux", "processor": "a CPU", "cores": 2, "torch": "2.0", "gpu": None}


def test_a_ratio_is_that_of_the_medians_and_says_how_many_times_longer_the_first_one_takes() -> None:
    assert ratio([9.0, 6.0, 100.0], [3.0, 1.0, 2.0]) == 4.5


def test_without_the_authors_code_the_fused_renderer_is_compared_with_our_own_alone() -> None:
    assert named_ratios(["torch", "fused"]) == [("torch", "_torch")]
    assert named_ratios(["authors", "torch", "fused"]) == [("authors", ""), ("torch", "_torch")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.012345, "0.0123"),
        (1.0, "1.00"),
        (42.04, "42.0"),
        (1234.5, "1,234"),
        (7, "7"),
        (258_208, "258,208"),
        ("a", "a"),
    ],
)
def test_numbers_are_shown_with_three_digits(value: float | str, text: str) -> None:
    assert shown(value) == text


def test_contenders_take_turns_over_the_views_and_the_first_place_goes_round() -> None:
    calls: list[tuple[str, int]] = []

    def noting(name: str) -> Step:
        return Step(lambda index: calls.append((name, index)))

    samples = interleaved({"a": noting("a"), "b": noting("b")}, rounds=2, views=2, warm_up=1)
    assert calls[:2] == [("a", 0), ("b", 0)]
    turns = [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 0), ("b", 0), ("b", 1), ("a", 1)]
    assert calls[2:] == turns
    assert all(len(s.clock) == len(s.processor) == 4 for s in samples.values())


def test_every_measured_step_begins_with_the_same_parameters() -> None:
    parameter = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    seen = []

    def run(index: int) -> None:
        seen.append(parameter.detach().clone())
        with torch.no_grad():
            parameter.mul_(3)

    interleaved({"only": Step(run, (parameter,))}, rounds=3, warm_up=2)
    assert all(torch.equal(value, torch.tensor([1.0, 2.0])) for value in seen[2:])


@pytest.mark.parametrize("state", STATES)
def test_the_two_renderers_of_ours_are_measured_doing_the_same_work(state: str) -> None:
    fused, plain = (contender_step(name, state, None, 16, 12) for name in ("fused", "torch"))
    for step in (fused, plain):
        step.run(0)
    for one, other in zip(fused.parameters, plain.parameters, strict=True):
        # Adamax's first step is the learning rate in the gradient's direction, also where it is nothing but rounding.
        assert (one - other).abs().gt(1e-3).float().mean() < 0.01


def test_a_table_is_markdown_with_its_note() -> None:
    table = Table("Steps", ("state", "ms"), [["start", 12.3456], ["converged", 1500.0]], "Medians.")
    text = "### Steps\n\n| state | ms |\n| --- | --- |\n| start | 12.3 |\n| converged | 1,500 |\n\nMedians.\n"
    assert table.markdown() == text


@pytest.fixture
def report() -> Report:
    table = Table("Steps", ("state", "ms"), [["start", 12.0]])
    parts = [
        Measured("renderer", "cpu", 5.0, [[0.5, 1.0, 2.0], [0.25, 1.0, 2.0]], Findings({"some_ratio": 3.0}, [table])),
        Measured("renderer", "cuda", 5.0, [None, None], Findings({"some_ratio": 7.0})),
        Measured("jobs", "cpu", 1.0, [[0.1, 0.1, 0.1], [0.75, 1.0, 2.0]], error="it broke"),
    ]
    return Report(MACHINE, quick=False, reference="commit abc", parts=parts)


def test_figures_are_at_the_top_of_the_file_and_those_of_the_gpu_say_so(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path / "new" / "bench.json")
    written = json.loads((tmp_path / "new" / "bench.json").read_text(encoding="utf-8"))
    assert written["some_ratio"] == 3.0
    assert written["cuda_some_ratio"] == 7.0
    assert written["machine"]["processor"] == "a CPU"
    part = written["parts"]["renderer (cpu)"]
    assert (part["load_before"], part["load_after"]) == ([0.5, 1.0, 2.0], [0.25, 1.0, 2.0])
    assert Findings.decoded({"figures": {}, "tables": part["tables"]}).tables[0].rows == [["start", 12.0]]


def test_the_readable_report_names_machine_load_and_what_failed(report: Report, tmp_path: Path) -> None:
    text = report.write(tmp_path / "bench.json").read_text(encoding="utf-8")
    assert "a CPU, 2 cores, no GPU" in text
    assert "0.5, 1.0, 2.0 before, 0.8, 1.0, 2.0 after" in text
    assert "commit abc" in text
    assert "| start | 12.0 |" in text
    assert "it broke" in text
    assert "mean nothing" not in text


def test_a_quick_trial_of_the_renderer_writes_its_ratios(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    command = [sys.executable, "-m", "benchmarks.speed", "--quick", "--only", "renderer", "--out", str(out)]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["quick"] is True
    for state in STATES:
        slow, fast = (written[f"renderer_{state}_{name}_seconds"] for name in ("torch", "fused"))
        assert written[f"renderer_{state}_torch_ratio"] == pytest.approx(slow / fast)
    assert 0 < written["renderer_memory_torch_ratio"] < 1
    assert "renderer_start_ratio" not in written
    assert "figures mean nothing" in answer.stdout
    assert out.with_suffix(".md").read_text(encoding="utf-8").strip() in answer.stdout


def test_an_unusable_checkout_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.speed", "--reference", str(tmp_path)]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 2
    assert str(tmp_path) in answer.stderr
    assert "voxnerf" in answer.stderr


def test_a_peak_of_memory_is_not_that_of_the_process_that_asks_for_it() -> None:
    ballast = torch.ones(2**27)  # 0.5 GB
    found = measured("benchmarks.speed.renderer_step", "torch", "--resolution", 64, "--size", 16)
    assert 0 < found["peak_over_base"] < ballast.nbytes / 4
