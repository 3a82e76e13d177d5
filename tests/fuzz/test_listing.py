"""Every module that reads files or texts of others is fuzzed by a reader, or says here why that is not needed."""

import ast
from pathlib import Path

from tests.fuzz.readers import readers

PACKAGE = Path(__file__).resolve().parents[2] / "sjc_blender"

# Calls that turn bytes of a file, a line or a stream into values.
READING = {
    *("loads", "from_text", "from_bytes", "from_line", "read_json", "json_object", "literal_eval", "csv.reader"),
    *("read_plain", "read_tail", "open_plain", "read_outside", "open_outside", "read_arrays", "safe_open", "load_file"),
    *("safetensors_header", "tensor_headers", "tensor_names", "read_text", "read_bytes", "Image.open"),
    *("folder.open", "folder.read", "path.open", "source.read"),
}

FUZZED = {
    "addon/batch/batch_file.py": "a batch's file",
    "addon/batch/cells.py": "a batch's table",
    "addon/batch/json_rows.py": "a batch's JSON",
    "addon/batch/table_rows.py": "a batch's table",
    "addon/environment/installer_settings.py": "uv.toml",
    "addon/jobs/job_records.py": "history of job.json",
    "addon/jobs/job_index.py": "index of jobs",
    "addon/jobs/kept_settings.py": "settings.json",
    "addon/process/child_process.py": "an event on a line",
    "addon/process/farm_process.py": "a farm's line",
    "addon/process/marker.py": "marker of an engine",
    "addon/process/own_folders.py": "list of an engine's folders",
    "addon/results/blend_mentions.py": "a .blend's mentions",
    "addon/results/result_files.py": "field.npz in the add-on",
    "addon/ui/shared/previews.py": "a picture's size",
    "engine/cameras/camera_paths.py": "a camera path",
    "engine/checkpoint.py": "checkpoint.safetensors",
    "engine/fitting/transforms_file.py": "transforms.json",
    "engine/forecast/weights.py": "diffusion_pytorch_model.safetensors of unet",
    "engine/image_files/picture_file.py": "a picture",
    "engine/model_store/download.py": "model_index.json of model",
    "engine/model_store/wanted_files.py": "model_index.json of model",
    "engine/pictures/finished_job.py": "field.npz in the engine",
    "engine/radiance/input_file.py": "guide.npz",
    "engine/score_models/assembly.py": "model_index.json of model",
    "engine/score_models/camera_projection.py": "a camera's layer",
    "engine/score_models/class_names.py": "model_index.json of model",
    "engine/score_models/control.py": "a ControlNet's configuration",
    "engine/score_models/fine_tuning.py": "an adapter",
    "engine/score_models/gguf_file.py": "a GGUF file",
    "engine/score_models/ip_adapter.py": "an IP-Adapter",
    "engine/score_models/loading.py": "model_index.json of model",
    "engine/score_models/lora_format.py": "an adapter",
    "engine/score_models/multi_view_unet.py": "config.json of MVDream's unet",
    "engine/score_models/network_file.py": "a single file's header",
    "engine/score_models/other_pipeline.py": "model_index.json of model",
    "engine/score_models/outside_folder.py": "config.json of unet",
    "engine/score_models/pipeline_folder.py": "model_index.json of model",
    "engine/score_models/plain_numbers.py": "a single file's header",
    "engine/score_models/single_file.py": "a single file's header",
    "farm/job_unit.py": "an event on a line",
    "farm/submission.py": "an event on a line",
    "farm/travelling_folder.py": "a farm's files",
    "protocol/array_file.py": "mesh.npz",
    "protocol/checkpoint_content.py": "a checkpoint's digest",
    "protocol/distillation.py": "model_index.json of model",
    "protocol/events.py": "an event on a line",
    "protocol/farm_lines.py": "a farm's line",
    "protocol/hub_cache.py": "a cached model's commit",
    "protocol/job_folder.py": "job.json",
    "protocol/json_text.py": "job.json",
    "protocol/lease.py": "engine.lease",
    "protocol/model_families.py": "a single file's header",
    "protocol/model_profile.py": "sjc.json",
    "protocol/outside_file.py": "a batch's file",
    "protocol/overrides.py": "settings as text",
    "protocol/plain_files.py": "job.json",
    "protocol/reference_views.py": "reference_views.json",
    "surface/arrays.py": "mesh.npz",
}

OWN = {
    "addon/environment/environment_setup.py": "what our own script says in the environment that was just made",
    "addon/environment/inspect_environment.py": "packages of the engine's environment",
    "addon/environment/setup_request.py": "what the add-on has written a moment ago",
    "addon/process/engine_python.py": "what our own script says, every error caught",
    "addon/results/asset.py": "its size is read by picture_size, the rest by Blender",
    "addon/results/asset_catalogue.py": "lines, only compared: tests/addon/test_asset_catalogue.py",
    "addon/results/origin.py": "compared with a job's spec: tests/addon/test_kept_values.py",
    "addon/results/vdb_file.py": "its first bytes are compared, and its digest taken",
    "addon/ui/environment/environment_operators.py": "our own log, shown as text",
    "addon/ui/environment/report_operator.py": "our own logs, shown as text",
    "engine/forecast/memory_limits.py": "the operating system's figures",
    "engine/model_store/transfer.py": "a download's digest",
    "engine/radiance/fused/kernel_cache.py": "our own seal, every error caught: tests/engine/test_kernel_cache.py",
    "engine/radiance/fused/launch.py": "our own sources",
    "engine/score_models/outline.py": "an index that pipeline_folder.py has judged",
    "farm/identity.py": "our own manifest",
    "farm/keys.py": "the user's own keys, judged by a library",
    "protocol/known_models.py": "our own data",
    "protocol/memory.py": "our own data",
    "protocol/profile_faults.py": "our own data",
    "protocol/recipes.py": "our own data",
}


def reads(module):
    """Whether a module calls one of the functions that read."""
    calls = (
        node.func for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    )
    names = (ast.unparse(call) for call in calls if isinstance(call, ast.Name | ast.Attribute))
    return any(name in READING or name.split(".")[-1] in READING for name in names if not name.startswith("int."))


def test_every_module_that_reads_is_fuzzed_or_says_why_not():
    reading = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if reads(path)}
    assert reading == FUZZED.keys() | OWN.keys()
    assert not FUZZED.keys() & OWN.keys()


def test_the_readers_that_are_named_are_there():
    assert set(FUZZED.values()) <= {reader.name for reader in readers()}
