"""Downloads from a hub on this machine into a cache: what comes, what is left out, and what may go wrong."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sjc_blender.engine.model_store import cache, download, listing, snapshot, transfer, wanted_files
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.this_process import offline
from sjc_blender.protocol import events
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.hub_cache import cached_snapshot
from sjc_blender.protocol.known_models import PREVIEW_DECODER, known_models
from sjc_blender.protocol.model_events import Models, Transfer
from sjc_blender.protocol.model_families import FAMILY, family_of
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.tiny_control import save_control
from tests.engine.tiny_families import FAMILIES as TINY_FAMILIES
from tests.engine.tiny_families import save_family
from tests.fake_hub import COMMIT, FakeHub

TINY = "someone/tiny-pipeline"
LARGE = "unet/diffusion_pytorch_model.safetensors"
PADDING = 6_000_000


@pytest.fixture
def hub(monkeypatch, tmp_path):
    made = FakeHub()
    monkeypatch.setenv("HF_ENDPOINT", made.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    for name in offline.VARIABLES:  # which loading a model in an earlier test has set
        monkeypatch.delenv(name, raising=False)
    if "huggingface_hub.constants" in sys.modules:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield made
    made.close()


@pytest.fixture
def tiny(hub, tiny_pipeline):
    """Put a real, tiny pipeline on the hub, with files that nobody needs."""
    folder = tiny_pipeline("epsilon")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files |= {"README.md": b"read me", "unet/diffusion_pytorch_model.bin": b"pickle", "whole.ckpt": b"pickle"}
    files |= {"safety_checker/model.safetensors": b"not needed", "v1-5-pruned.safetensors": b"not needed"}
    hub.repositories[TINY] = files
    return files


def start(*arguments):
    command = [sys.executable, "-m", "sjc_blender.engine", "models", *arguments, "--json"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments):
    process = start(*arguments)
    return told(process)


def told(process):
    """Wait for the end; give all events. Its stdin stays open: its end would stop the download."""
    out = process.stdout.read()
    process.wait(timeout=30)
    process.stdin.close()
    heard = [events.from_line(line) for line in out.splitlines()]
    assert heard and None not in heard, (out, process.stderr.read())
    return heard


def snapshot_files():
    snapshot = cached_snapshot(TINY)
    return {path.relative_to(snapshot).as_posix(): path.read_bytes() for path in snapshot.rglob("*") if path.is_file()}


def test_a_model_comes_whole_with_nothing_else_and_can_be_loaded(hub, tiny):
    *progress, last = run("download", TINY)
    assert isinstance(last, Models)
    (model,) = last.models
    assert (model.id, model.family, model.state) == (TINY, "stable_diffusion", "whole")
    files = snapshot_files()
    assert all(tiny[name] == data for name, data in files.items())
    assert {"model_index.json", LARGE, "tokenizer/tokenizer.json"} <= set(files)
    assert not [name for name in files if name.endswith((".bin", ".ckpt", ".md")) or name.startswith(("safety", "v1"))]
    assert model.size == pytest.approx(sum(map(len, files.values())), rel=0.05)
    assert all(isinstance(event, Transfer) for event in progress)
    assert progress[-1].done == progress[-1].total == sum(map(len, files.values()))
    assert load_score_model(ModelSpec(TINY, device="cpu")).channels == 4


def test_a_stopped_download_goes_on_where_it_was(hub, tiny):
    tiny[LARGE] += bytes(PADDING)
    hub.stop_at = 3_500_000
    process = start("download", TINY)
    assert hub.stopped.wait(20)
    time.sleep(0.1)
    process.stdin.write(events.CANCEL + "\n")
    process.stdin.flush()
    hub.go_on.set()
    assert told(process)[-1] == events.Cancelled(0)
    assert process.returncode == 3
    assert all(model.state == "part" for model in cache.models_on_disk().models)

    hub.stop_at = None
    hub.requests.clear()
    assert run("download", TINY)[-1].find(TINY).state == "whole"
    ((_path, span),) = [(path, span) for path, span in hub.fetched() if path == LARGE]
    assert int(span.removeprefix("bytes=").removesuffix("-")) >= 1_000_000
    assert snapshot_files()[LARGE] == tiny[LARGE]


def test_a_killed_download_goes_on_too(hub, tiny):
    tiny[LARGE] += bytes(PADDING)
    hub.stop_at = 3_500_000
    process = start("download", TINY)
    assert hub.stopped.wait(20)
    until(lambda: partial_sizes() and max(partial_sizes()) >= 1_000_000)
    process.kill()
    process.communicate()
    hub.stop_at = None
    hub.go_on.set()
    assert run("download", TINY)[-1].find(TINY).state == "whole"
    assert snapshot_files()[LARGE] == tiny[LARGE]


def partial_sizes():
    return [path.stat().st_size for path in cache.repository_folder(TINY).rglob("*" + cache.PARTIAL)]


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("name", [LARGE, "unet/config.json"])
def test_what_arrives_damaged_is_thrown_away(hub, tiny, name):
    hub.damaged.add(name)
    failed = run("download", TINY)[-1]
    assert failed.code == "download_corrupt" and name in failed.message
    assert cached_snapshot(TINY) is None or not (cached_snapshot(TINY) / name).exists()
    hub.damaged.clear()
    assert run("download", TINY)[-1].find(TINY).state == "whole"
    assert snapshot_files()[name] == tiny[name]


@pytest.mark.parametrize("name", [LARGE, "unet/config.json"])
def test_a_file_damaged_on_disk_is_mended_by_downloading_again(hub, tiny, name):
    run("download", TINY)
    path = cached_snapshot(TINY) / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    hub.requests.clear()
    assert run("download", TINY)[-1].find(TINY).state == "whole"
    assert snapshot_files()[name] == tiny[name]
    assert {fetched for fetched, _ in hub.fetched()} - {"model_index.json"} == {name}


def test_half_precision_is_taken_where_there_is_one(hub, tiny):
    for component in ("unet", "vae"):
        name = f"{component}/diffusion_pytorch_model"
        tiny[f"{name}.fp16.safetensors"] = tiny[f"{name}.safetensors"]
        tiny[f"{name}.non_ema.safetensors"] = b"not needed"
    run("download", TINY)
    weights = {name for name in snapshot_files() if name.endswith(".safetensors")}
    fp16 = {f"{component}/diffusion_pytorch_model.fp16.safetensors" for component in ("unet", "vae")}
    assert weights == fp16 | {"text_encoder/model.safetensors"}
    assert load_score_model(ModelSpec(str(cached_snapshot(TINY)), device="cpu")).channels == 4


def test_without_links_files_lie_in_the_snapshot_once(hub, tiny, monkeypatch):
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    model = run("download", TINY)[-1].find(TINY)
    assert model.state == "whole"
    assert not (cached_snapshot(TINY) / LARGE).is_symlink()
    assert model.size == pytest.approx(sum(map(len, snapshot_files().values())), rel=0.05)


def test_nothing_is_asked_of_the_hub_when_offline(hub, tiny, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run("download", TINY)[-1].code == "offline"
    assert not hub.requests and not cache.hub_cache().exists()


def test_a_gated_model_says_where_to_accept_and_how_to_log_in(hub, tiny):
    hub.gated.add(TINY)
    failed = run("download", TINY)[-1]
    assert failed.code == "gated_model"
    assert f"{hub.url}/{TINY}" in failed.hint and "hf auth login" in failed.hint


def test_pickles_are_not_downloaded(hub, tiny):
    tiny["unet/diffusion_pytorch_model.bin"] = tiny.pop(LARGE)
    failed = run("download", TINY)[-1]
    assert failed.code == "no_safetensors" and "'unet'" in failed.message
    assert "unet/diffusion_pytorch_model.bin" not in [path for path, _ in hub.fetched()]


def test_what_is_no_model_here_is_refused_before_it_is_downloaded(hub, tiny):
    assert run("download", "nobody/nothing")[-1].code == "unknown_hub_model"
    hub.repositories["someone/words"] = {"config.json": b"{}", "model.safetensors": b"words"}
    assert run("download", "someone/words")[-1].code == "not_a_pipeline"
    hub.repositories["someone/sounds"] = {"model_index.json": b'{"_class_name": "AudioLDMPipeline"}'}
    assert run("download", "someone/sounds")[-1].code == "unsupported_pipeline"


ESCAPES = ("../../../victim", "/victim", "C:victim", "a\\b", "..")


LIES = [
    *((LARGE, {"lfs": {"oid": escape, "size": 5, "pointerSize": 1}}) for escape in (*ESCAPES, "e" * 63, "")),
    *(("unet/config.json", {"oid": escape}) for escape in (*ESCAPES, "e" * 41)),
    ("unet/config.json", {"size": -1}),
    ("unet/config.json", {"size": 10**15}),
]


@pytest.mark.parametrize(("name", "lie"), LIES)
def test_a_hash_or_a_size_that_is_none_is_refused_and_nothing_outside_changes(hub, tiny, tmp_path, name, lie):
    hub.lies[name] = lie
    victims = [tmp_path / "victim", cache.repository_folder(TINY).parent / "victim"]
    for victim in victims:
        victim.parent.mkdir(parents=True, exist_ok=True)
        victim.write_text("precious")
    failed = run("download", TINY)[-1]
    assert failed.code == "bad_listing"
    assert name in failed.message
    assert [victim.read_text() for victim in victims] == ["precious"] * 2
    assert not hub.fetched() or {path for path, _ in hub.fetched()} == {"model_index.json"}
    assert cached_snapshot(TINY) is None


@pytest.mark.parametrize("commit", ["../../../elsewhere", "main", "0" * 64, None])
def test_a_commit_that_is_none_is_refused(hub, tiny, commit):
    hub.commit = commit
    assert run("download", TINY)[-1].code == "bad_listing"


def test_headers_say_nothing_of_where_a_file_goes(hub, tiny, tmp_path):
    hub.headers = {"ETag": '"../../../../victim"', "X-Repo-Commit": "../../../victim", "X-Linked-Etag": '"../victim"'}
    assert run("download", TINY)[-1].find(TINY).state == "whole"
    assert {path.name for path in (tmp_path / "home").iterdir()} <= {"hub", "xet"}
    assert snapshot_files()[LARGE] == tiny[LARGE]


def test_more_than_a_file_is_long_is_not_taken(hub, tiny):
    hub.lies["unet/config.json"] = {"size": 10}
    failed = run("download", TINY)[-1]
    assert failed.code in {"download_corrupt", "hub_unreachable"}
    assert cached_snapshot(TINY) is None


def test_a_file_without_an_end_is_not_taken(tmp_path, monkeypatch):
    def endless(_url, stream, *, tqdm_class, **_):
        bar = tqdm_class()
        while True:
            stream.write(bytes(1000))
            bar.update(1000)

    monkeypatch.setattr("huggingface_hub.file_download.http_get", endless)
    file, meter = transfer.RemoteFile("a", 5000, "0" * 64), transfer.Meter(5000, lambda _: None, lambda: False)
    assert refusal(transfer.fetch, file, "", {}, tmp_path / "partial", meter) == "download_corrupt"
    assert not (tmp_path / "partial").exists()
    assert meter.done == 0


@pytest.mark.parametrize("name", ["unet/a.json", "tokenizer/spiece.model", "tokenizer/été 1.txt", ".gitattributes"])
def test_names_of_files_that_are_taken(name):
    assert listing.is_safe_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a//b", "../a", "a/../b", "a/.", "a\\b", "C:/a", "a:b", "CON", "unet/aux.json", "com1.txt", "a.", "a ",
     "a\nb", "a\x1bb", "a*", "a?", "x" * 300, None, 7, "a/" * 600 + "a"],
)  # fmt: skip
def test_names_of_files_that_are_refused(name):
    assert not listing.is_safe_name(name)


def test_a_hub_that_is_not_there_is_said(hub, tiny):
    hub.close()
    failed = run("download", TINY)[-1]
    assert failed.code == "hub_unreachable" and hub.url in failed.message


def test_a_full_disk_is_seen_before_anything_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(download, "free_bytes", lambda _: 300_000_000)
    file = transfer.RemoteFile(LARGE, 100_000_000, "ab" * 32)
    folder = cache.repository_folder(TINY)
    there = snapshot.Snapshot(folder, COMMIT, links=True)
    with pytest.raises(SjcError) as refused:
        download._check_space(TINY, [file], there)
    assert refused.value.code == "not_enough_disk"
    assert "needs 100 MB" in str(refused.value) and "300 MB are free" in str(refused.value)
    # What has come already is needed no more.
    (folder / "blobs").mkdir(parents=True)
    (folder / "blobs" / (file.sha256 + cache.PARTIAL)).write_bytes(bytes(60_000_000))
    download._check_space(TINY, [file], there)


def test_a_second_download_of_the_same_model_is_refused(hub, tiny):
    hub.stop_at = 0
    first = start("download", TINY)
    assert hub.stopped.wait(20)
    assert run("download", TINY)[-1].code == "download_running"
    hub.stop_at = None
    hub.go_on.set()
    assert told(first)[-1].find(TINY).state == "whole"


def test_a_model_is_deleted_whole_and_others_stay(hub, tiny):
    run("download", TINY)
    other = cache.repository_folder("someone/other")
    shutil.copytree(cache.repository_folder(TINY), other, symlinks=True)
    assert [model.id for model in run("delete", TINY)[-1].models] == ["someone/other"]
    assert not cache.repository_folder(TINY).exists()
    assert refusal(cache.delete_model, TINY) == "model_not_on_disk"


def refusal(function, *arguments):
    with pytest.raises(SjcError) as refused:
        function(*arguments)
    return refused.value.code


@pytest.mark.parametrize("name", ["../../etc", "one", "a/b/c", "../other", "a--b/c", "/etc/passwd"])
def test_no_id_leads_out_of_the_cache(name):
    assert refusal(cache.repository_folder, name) == "bad_hub_id"


def test_a_control_network_is_its_configuration_and_its_weights_and_can_be_used(hub, tiny_pipeline, tmp_path):
    model = tiny_pipeline("epsilon")
    control = save_control(tmp_path / "control", model)
    files = {path.name: path.read_bytes() for path in control.iterdir()}
    half = {"diffusion_pytorch_model.fp16.safetensors": files["diffusion_pytorch_model.safetensors"]}
    hub.repositories["someone/depth"] = {**files, **half, "diffusion_pytorch_model.bin": b"pickle", "README.md": b"x"}
    run("download", "someone/depth")
    snapshot = cached_snapshot("someone/depth", "config.json")
    assert {path.name for path in snapshot.iterdir()} == {"config.json", *half}
    hub.repositories["someone/union"] = {**files, "config.json": b'{"_class_name": "ControlNetUnionModel"}'}
    assert run("download", "someone/union")[-1].code == "not_a_pipeline"
    loaded = load_score_model(ModelSpec(str(model), device="cpu", control="someone/depth"))
    assert loaded.control_pixels == 2


def test_a_preview_decoder_is_two_files(hub):
    files = {"config.json": b"{}", "diffusion_pytorch_model.safetensors": b"weights"}
    hub.repositories["madebyollin/taesd"] = files | {"taesd_decoder.safetensors": b"not needed"}
    assert run("download", "madebyollin/taesd")[-1].find("madebyollin/taesd").state == "whole"
    snapshot = cached_snapshot("madebyollin/taesd", "config.json")
    assert {path.name: path.read_bytes() for path in snapshot.iterdir()} == files


def test_a_shard_that_is_missing_makes_a_part(hub, tiny):
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    data = tiny.pop("text_encoder/model.safetensors")
    tiny["text_encoder/model.safetensors.index.json"] = json.dumps(index).encode()
    for number in (1, 2):
        tiny[f"text_encoder/model-0000{number}-of-00002.safetensors"] = data
    assert run("download", TINY)[-1].find(TINY).state == "whole"
    (cached_snapshot(TINY) / "text_encoder" / "model-00002-of-00002.safetensors").unlink()
    assert cache.models_on_disk().find(TINY).state == "part"


@pytest.mark.parametrize("name", TINY_FAMILIES)
def test_what_is_chosen_of_each_family_can_be_loaded(name, tmp_path):
    folder = save_family(name, tmp_path / "whole")
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    chosen = wanted_files.wanted_files(names, family_of(folder).name, name)
    for file in chosen:
        (tmp_path / "chosen" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / file, tmp_path / "chosen" / file)
    assert not wanted_files.missing_files(tmp_path / "chosen", family_of(folder).name)
    assert load_score_model(ModelSpec(str(tmp_path / "chosen"), device="cpu")).sample_size
    assert not [file for file in chosen if file.startswith("text_encoder_3")]


def test_old_pipelines_of_one_network_have_everything_at_the_top():
    names = ["model_index.json", "config.json", "scheduler_config.json", "diffusion_pytorch_model.safetensors"]
    chosen = wanted_files.wanted_files([*names, "diffusion_pytorch_model.bin", "README.md"], "ddpm", "google/ddpm")
    assert sorted(chosen) == sorted(names)


def test_every_known_model_is_of_a_family_that_can_be_downloaded():
    builtin, *others = known_models()
    assert builtin.id == "builtin" and builtin.download_gigabytes == 0
    assert {model.family for model in others} <= (set(FAMILY) & set(wanted_files.PARTS)) | {PREVIEW_DECODER}
    assert len({model.id for model in known_models()}) == len(known_models())
    # Every family that names pipelines of diffusers can be downloaded.
    assert {name for name, family in FAMILY.items() if family.pipelines} <= set(wanted_files.PARTS)


def test_a_person_reads_a_table(hub, tiny):
    run("download", TINY)
    command = [sys.executable, "-m", "sjc_blender.engine", "models"]
    table = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout
    assert str(Path(os.environ["HF_HOME"]) / "hub") in table
    assert next(line for line in table.splitlines() if TINY in line).split()[1:3] == ["on", "disk:"]
    assert "stabilityai/stable-diffusion-3-medium-diffusers" in table and "needs a login" in table
