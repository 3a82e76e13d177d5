"""Everything that reads what others wrote gives a value, None or one SjcError, in moderate time and memory."""

import contextlib
import json
import os
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sjc_blender.protocol import codec, events, model_families, presets, shown
from sjc_blender.protocol.checkpoint_content import checkpoint_content
from sjc_blender.protocol.errors import Fault, SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.json_text import BadJson, from_bytes
from sjc_blender.protocol.lease import holder_of, is_held
from sjc_blender.protocol.model_families import BUILTIN
from sjc_blender.protocol.model_profile import load_profile, noise_levels
from sjc_blender.protocol.overrides import parse_overrides
from sjc_blender.protocol.reference_views import read_reference_views

MODERATE_SECONDS, MODERATE_BYTES = 1.0, 200e6

examples = settings(
    max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**309, max_value=10**312)
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["\ud800", "\0", "\u2028", "\x1b[2J", "/dev/zero", "~nouser/x", "x" * 5000])
)
trees = st.recursive(
    leaves, lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(max_size=8), c, max_size=4), max_leaves=12
)
FIELDS = "step total sigma losses path message files metrics code hint name models findings done seconds".split()


@pytest.fixture(scope="module")
def job():
    return json.loads(json.dumps(codec.encode(presets.new_job("a red chair", model="some/model"))))


def places(value, path=()):
    """Paths of everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(value, path, new):
    """Return a copy of `value` with `new` at `path`."""
    copy = json.loads(json.dumps(value))
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return copy


def moderately(function, *arguments):
    """Call a reader: it may refuse with an SjcError, in a second and 200 MB."""
    tracemalloc.start()
    began = time.perf_counter()
    try:
        return function(*arguments)
    except SjcError as error:
        str(error).encode("utf-8")
        return error
    finally:
        seconds, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # Counting memory takes most of the time.
        assert seconds < 4 * MODERATE_SECONDS, f"{seconds:.1f} s"
        assert peak < MODERATE_BYTES, f"{peak / 1e6:.0f} MB"


@examples
@given(
    st.fixed_dictionaries(
        {"event": st.sampled_from(sorted(events._NAMES)) | trees}, optional=dict.fromkeys(FIELDS, trees)
    )
)
def test_any_event(event):
    told = events.from_line(json.dumps(event))
    assert told is None or events.from_line(events.to_line(told)) == told


@examples
@given(st.binary(max_size=200))
def test_any_line(line):
    events.from_bytes(line)
    events.command_in(line.decode("utf-8", "replace"))
    with contextlib.suppress(BadJson):
        from_bytes(line)


@examples
@given(st.data())
def test_any_value_in_a_spec(tmp_path, job, data):
    path = data.draw(st.sampled_from(sorted(places(job), key=str)))
    (tmp_path / "job.json").write_text(json.dumps(changed(job, path, data.draw(trees))))
    moderately(JobFolder(tmp_path).read_spec)


@examples
@given(st.data())
def test_any_value_in_a_profile(tmp_path, data):
    profile = json.loads((BUILTIN / "sjc.json").read_text(encoding="utf-8"))
    path = data.draw(st.sampled_from(sorted(places(profile), key=str)))
    (tmp_path / "sjc.json").write_text(json.dumps(changed(profile, path, data.draw(trees))))
    read = moderately(load_profile, str(tmp_path))
    if isinstance(read, SjcError):
        return
    for view in read.views.all_prompts("a red chair"):
        assert isinstance(view, str)
    read.views.prompts("a red chair", 10.0, 20.0)
    if read.vocabulary is not None:
        for prompt in ("a red chair", "zzz", "red chair"):
            read.vocabulary.refusal(prompt)
            read.vocabulary.completed(prompt)
    moderately(lambda: presets.new_job("a red chair", preset="draft", model=str(tmp_path)))


@examples
@given(trees)
def test_any_reference_views(tmp_path, tree):
    (tmp_path / "reference_views.json").write_text(json.dumps({"version": 1, "views": tree}))
    moderately(read_reference_views, tmp_path)


@examples
@given(st.text(max_size=20), trees | st.text(max_size=50))
def test_any_override(name, value):
    text = value if isinstance(value, str) else json.dumps(value)
    with contextlib.suppress(SjcError):
        parse_overrides([f"{name}={text}", f"{name}.x={text}"])


@examples
@given(trees)
def test_any_configuration_of_a_model(tmp_path, tree):
    (tmp_path / "scheduler").mkdir(exist_ok=True)
    (tmp_path / "scheduler" / "scheduler_config.json").write_text(json.dumps({"num_train_timesteps": tree}))
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": tree}))
    assert noise_levels(str(tmp_path)) > 0
    model_families.family_of(tmp_path)


@examples
@given(st.binary(max_size=100) | trees.map(lambda tree: json.dumps(tree).encode()))
def test_any_header_and_lease(tmp_path, content):
    file = tmp_path / "weights.safetensors"
    file.write_bytes(len(content).to_bytes(8, "little") + content)
    model_families.tensor_names(file)
    moderately(checkpoint_content, file)
    (tmp_path / "engine.lease").write_bytes(content)
    holder_of(tmp_path / "engine.lease")
    is_held(tmp_path / "engine.lease")


HEAVY = {
    "deep": b"[" * 7_000_000,
    "deep and whole": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 1_000_000,
    "empty lists": b"[" + b"[]," * 2_500_000 + b"[]]",
    "empty objects": b"[" + b"{}," * 2_500_000 + b"{}]",
    "keys": b"{" + b",".join(b'"%d":0' % number for number in range(700_000)) + b"}",
    "numbers": b"[" + b"1," * 3_900_000 + b"1]",
    "long numbers": b"[" + b"1" * 4000 + (b"," + b"1" * 4000) * 1900 + b"]",
    "one long number": b"1" * 7_000_000,
    "a long text": b'"' + b"x" * 7_900_000 + b'"',
    "escapes": b'"' + b"\\ud800" * 1_300_000 + b'"',
    "200 MB": b" " * 200_000_000,
}


@pytest.mark.parametrize("content", HEAVY.values(), ids=HEAVY)
@pytest.mark.parametrize("shape", ["alone", "as the prompt", "as an unknown field"])
def test_large_files_take_moderate_time_and_memory(tmp_path, job, content, shape):
    if shape == "as the prompt":
        content = json.dumps(job | {"prompt": "HERE"}).encode().replace(b'"HERE"', content)
    elif shape == "as an unknown field":
        content = json.dumps(job | {"more": "HERE"}).encode().replace(b'"HERE"', content)
    for name in ("job.json", "sjc.json", "reference_views.json", "model_index.json"):
        (tmp_path / name).write_bytes(content)
    assert isinstance(moderately(JobFolder(tmp_path).read_spec), SjcError)
    assert isinstance(moderately(load_profile, str(tmp_path)), SjcError)
    assert isinstance(moderately(read_reference_views, tmp_path), SjcError)
    moderately(model_families.family_of, tmp_path)
    file = tmp_path / "weights.safetensors"
    file.write_bytes(len(content).to_bytes(8, "little") + content)
    moderately(model_families.tensor_names, file)
    moderately(events.from_bytes, content)


def test_a_view_text_is_not_a_format(tmp_path):
    profile = json.loads((BUILTIN / "sjc.json").read_text(encoding="utf-8"))
    profile["views"]["bands"][0]["views"][0]["text"] = "{prompt:>30000000} {prompt.__class__} {0} {prompt}"
    (tmp_path / "sjc.json").write_text(json.dumps(profile))
    texts = load_profile(str(tmp_path)).views.all_prompts("a red chair")
    assert "{prompt:>30000000} {prompt.__class__} {0} a red chair" in texts


@pytest.mark.parametrize("bands", [[], [{"elevation": 0, "views": []}]])
def test_a_profile_without_views_is_refused(tmp_path, bands):
    profile = json.loads((BUILTIN / "sjc.json").read_text(encoding="utf-8"))
    profile["views"]["bands"] = bands
    (tmp_path / "sjc.json").write_text(json.dumps(profile))
    with pytest.raises(SjcError, match="views"):
        load_profile(str(tmp_path))


HARD_TO_SHOW = {
    "a long number": 10**5000,
    "a long text": "x" * 10**7,
    "deep": [[[[[[[["deep"]]]]]]]] * 10**5,
    "half a character": "\ud800",
    "infinite": float("inf"),
}


@pytest.mark.parametrize("value", HARD_TO_SHOW.values(), ids=HARD_TO_SHOW)
def test_a_fault_is_told_shortly(value):
    assert len(str(Fault("a.field", value, "less"))) < 200


def test_an_error_does_not_command_a_terminal():
    error = SjcError("x", "The job 'a\x1b]0;owned\x07b\u202ec\ud800' is\nnot there.", "Rename\x9b it.")
    assert str(error) == "The job 'a\ufffd]0;owned\ufffdb\ufffdc\ufffd' is\nnot there. Rename\ufffd it."


def test_writing_of_all_languages_is_shown_as_it_is():
    for text in ("ein grüner Stuhl", "椅子 ✓", "می‌خواهم", "👩‍🚀", "a\tb\nc"):
        assert shown.shown(text) == text
    assert shown.shown("x" * 300, 200) == "x" * 199 + "…"


def test_files_of_models_may_be_links_and_are_no_pipes(tmp_path):
    (tmp_path / "blob").write_text('{"_class_name": "StableDiffusionPipeline"}')
    model = tmp_path / "model"
    model.mkdir()
    (model / "model_index.json").symlink_to(tmp_path / "blob")
    family = model_families.family_of(model)
    assert family is not None and family.name == "stable_diffusion"
    os.mkfifo(model / "sjc.json")
    began = time.perf_counter()
    load_profile(str(model))
    assert time.perf_counter() - began < 5
    assert Path(model / "sjc.json").exists()


@pytest.mark.parametrize("text", [b'{"seed": 1, "seed": 2}', b'[{"a": {"b": 1, "c": 2, "b": 1}}]'])
def test_a_name_that_is_there_twice_is_refused_by_name(text):
    with pytest.raises(BadJson, match=r"'(seed|b)' is there twice"):
        from_bytes(text)
    # Libraries that read a model's files after us take the last: what is judged is what they see.
    assert from_bytes(text, as_libraries=True) == json.loads(text)


def test_a_job_that_says_a_setting_twice_is_refused(tmp_path):
    folder = JobFolder.create(tmp_path / "job", presets.new_job("a red chair", preset="draft", seed=7))
    folder.spec_path.write_text(folder.spec_path.read_text().replace('"seed": 7', '"seed": 7, "seed": 8'))
    with pytest.raises(SjcError, match="'seed' is there twice") as caught:
        folder.read_spec()
    assert caught.value.code == "bad_job_file"
