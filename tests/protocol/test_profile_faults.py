"""Every fault of a model profile is named by its field; a good one has none."""

import copy
import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from sjc_blender.protocol import codec
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_families import BUILTIN, MODELS
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.presets import new_job, preset_names
from sjc_blender.protocol.profile_content import ModelProfile, Orbit, Vocabulary
from sjc_blender.protocol.views import Band, View, ViewVocabulary

VIEW = {"azimuth": 0, "text": "front view of {prompt}"}
WHOLE = {
    "version": 1,
    "name": "mine",
    "family": "stable_diffusion",
    "image_size": 512,
    "timesteps": [0.02, 0.98],
    "orbit": {"distance": [1.5, 2.0], "elevation": [-5, 60], "field_of_view": [40, 60]},
    "views": {
        "interpolation": "bilinear",
        "bands": [
            {"elevation": 0, "views": [VIEW, {"azimuth": 180, "text": "back view of {prompt}"}]},
            {"elevation": 90, "lowest": 60, "views": [{"azimuth": 0, "text": "top view of {prompt}"}]},
        ],
    },
    "vocabulary": {
        "template": "a {colour} {object}",
        "colours": ["red"],
        "objects": ["duck"],
        "words": ["a", "red", "duck"],
    },
    "background": [0.1, 0.2, 0.3, 0.4],
    "latent_rgb": [[0.1, 0.2, 0.3] for _channel in range(4)],
    "latent_rgb_bias": [0.5, 0.5, 0.5],
    "settings": {"optimisation": {"guidance_scale": 7.5}, "field": {"feature_std": 0.3}},
    "presets": {"draft": {"optimisation": {"steps": 300}}},
    "distilled": "auto",
}
"""A profile with every field."""


def banded(*bands, interpolation="nearest"):
    return {"views": {"interpolation": interpolation, "bands": list(bands)}}


def place_of(keys):
    """Dotted name of the place that keys and indices lead to."""
    name = ""
    for key in keys:
        name += f"[{key}]" if isinstance(key, int) else f".{key}" if name else key
    return name


def places(value, keys=()):
    yield keys
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*keys, key))


def changed(profile, keys, value):
    profile = copy.deepcopy(profile)
    at = profile
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    return profile


def told_of(folder, profile):
    """What is said of a profile; empty if nothing."""
    (folder / "sjc.json").write_text(json.dumps(profile))
    try:
        load_profile(str(folder))
    except SjcError as error:
        assert error.code == "bad_model_profile"
        assert str(folder / "sjc.json") in error.message
        return error.message
    return ""


KINDS = {"null": None, "true": True, "number": 1e7, "text": "?", "list": [[]], "object": {"strange": 1}}
MAY_BE = {
    ("vocabulary", "null"),
    ("views.bands[1].lowest", "null"),
    ("name", "text"),
    ("settings.field.feature_std", "number"),
}


def test_a_profile_with_every_field_is_good(tmp_path):
    assert told_of(tmp_path, WHOLE) == ""
    assert set(WHOLE) == set(codec.encode(load_profile(str(tmp_path))))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keys", [keys for keys in places(WHOLE) if keys], ids=place_of)
def test_a_value_of_another_kind_is_told_by_its_field(tmp_path, keys, kind):
    place = place_of(keys)
    told = told_of(tmp_path, changed(WHOLE, keys, KINDS[kind]))
    if (place, kind) in MAY_BE:
        assert told == ""
        return
    if "words" in keys and isinstance(keys[-1], int) and kind == "text":
        # A word like any other, but the one in whose place it is is missing.
        assert "words of vocabulary.words only" in told
        return
    # Of a number in a list of two or three, or a word of a list, the list may be named.
    around = place_of(keys[:-1]) if isinstance(keys[-1], int) else place
    inside = (f"{place}.strange", f"{place}[0]")
    assert any(f" {name} is " in told for name in (place, around, *inside)), told


FAULTS = {
    "version is 2; allowed: 1": {"version": 2},
    "name is ' '": {"name": " "},
    "family is 'imagen'; allowed: one of stable_diffusion": {"family": "imagen"},
    "image_size is 0; allowed: 8 to 4096": {"image_size": 0},
    "timesteps is (0.9, 0.1)": {"timesteps": [0.9, 0.1]},
    "timesteps is (20.0, 980.0)": {"timesteps": [20, 980]},
    "orbit.distance is (0.0, 1.0)": {"orbit": {"distance": [0, 1]}},
    "orbit.elevation is (80.0, 0.0)": {"orbit": {"elevation": [80, 0]}},
    "orbit.field_of_view is (40.0, 190.0)": {"orbit": {"field_of_view": [40, 190]}},
    "orbit.azimuth is [0, 90]; allowed: no such field": {"orbit": {"azimuth": [0, 90]}},
    "views.bands is 0": banded(),
    "views.bands[0].views is 0": banded({"elevation": 0, "views": []}),
    "views.bands[0].views[0].text is 'front view'": banded({"elevation": 0, "views": [{**VIEW, "text": "front view"}]}),
    "views.bands[1].elevation is 0.0; allowed: above that of the band before it, 40": banded(
        {"elevation": 40, "views": [VIEW]}, {"elevation": 0, "views": [VIEW]}
    ),
    "views.bands[1].lowest is 70.0": banded(
        {"elevation": 0, "views": [VIEW]}, {"elevation": 60, "lowest": 70, "views": [VIEW]}
    ),
    "views.bands[0].lowest is -10.0; allowed: null": banded({"elevation": 0, "lowest": -10, "views": [VIEW]}),
    "views.bands[0].views[1].azimuth is 360.0": banded({"elevation": 0, "views": [VIEW, {**VIEW, "azimuth": 360}]}),
    "vocabulary.template is 'a thing'": {"vocabulary": {**WHOLE["vocabulary"], "template": "a thing"}},
    "vocabulary.objects is (); allowed: at least one object": {"vocabulary": {**WHOLE["vocabulary"], "objects": []}},
    "vocabulary.objects is 'house'": {"vocabulary": {**WHOLE["vocabulary"], "objects": ["duck", "house"]}},
    "background is (0.1, 0.2, 0.3); allowed: 4 or 16 or 32 numbers": {"background": [0.1, 0.2, 0.3]},
    "background is (1000.0, 0.0, 0.0, 0.0)": {"background": [1000, 0, 0, 0]},
    "latent_rgb[3] is (0.0, 0.0, 1000.0)": {"latent_rgb": [[0, 0, 0]] * 3 + [[0, 0, 1000]]},
    "settings.optimisation.guidance is 7.5": {"settings": {"optimisation": {"guidance": 7.5}}},
    "settings.optimisation.guidance_scale is -1.0": {"settings": {"optimisation": {"guidance_scale": -1}}},
    "settings.optimisation.guidence_scale is 7; allowed: no such field; perhaps guidance_scale": {
        "settings": {"optimisation": {"guidence_scale": 7}}
    },
    "presets.draft.field.resolution is 4": {"presets": {"draft": {"field": {"resolution": 4, "stages": []}}}},
    "presets.quick is 'there'; allowed: the name of a preset": {"presets": {"quick": {"field": {"resolution": 32}}}},
    "settings.model is {'source': '/other'}; allowed: no such part": {"settings": {"model": {"source": "/other"}}},
    "presets.draft.field.proxy is 'there'": {"presets": {"draft": {"field": {"proxy": {}}}}},
    "colour is 'red'; allowed: no such field": {"colour": "red"},
}  # fmt: skip


@pytest.mark.parametrize("told", FAULTS)
def test_a_fault_is_named_with_its_value_and_what_is_allowed(tmp_path, told):
    profile = {"name": "mine", "family": "stable_diffusion", "image_size": 64} | FAULTS[told]
    assert told in told_of(tmp_path, profile)


def test_all_faults_are_told_at_once(tmp_path):
    told = told_of(tmp_path, WHOLE | {"timesteps": [5, 6], "background": [1], "distilled": "no", "image_size": 1})
    assert all(f"{name} is" in told for name in ("timesteps", "background", "image_size"))
    assert "distilled" not in told


def test_a_list_in_the_profiles_place_is_told(tmp_path):
    (tmp_path / "sjc.json").write_text("[]")
    with pytest.raises(SjcError, match="holds no JSON object"):
        load_profile(str(tmp_path))


def test_a_profile_for_another_model_is_told(tmp_path):
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionXLPipeline"}))
    assert "family is 'stable_diffusion'; allowed: 'stable_diffusion_xl'" in told_of(tmp_path, WHOLE)
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text(json.dumps({"in_channels": 8}))
    profile = WHOLE | {"family": "stable_diffusion_xl"}
    told = told_of(tmp_path, profile)
    assert "background is (0.1, 0.2, 0.3, 0.4); allowed: 8 numbers" in told
    assert "latent_rgb is 4; allowed: 8 rows" in told


def test_the_shipped_profiles_are_good(tmp_path):
    shipped = [path for path in MODELS.glob("*.json") if path.stem != "known"]
    assert len(shipped) > 8
    for path in [*shipped, BUILTIN / "sjc.json"]:
        shutil.copy(path, tmp_path / "sjc.json")
        assert load_profile(str(tmp_path)).family
    assert all(new_job("a red duck", preset=name) for name in preset_names())


def test_what_a_profile_has_by_default_is_good(tmp_path):
    least = ModelProfile("mine", "stable_diffusion", 512)
    assert told_of(tmp_path, codec.encode(least)) == ""


PAGE = Path(__file__).resolve().parents[2] / "docs" / "model-profile.md"


def test_the_example_on_the_page_is_good(tmp_path):
    example = re.search(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert told_of(tmp_path, json.loads(example)) == ""


def test_the_page_explains_every_field():
    page = PAGE.read_text(encoding="utf-8")
    fields = {field.name for field in dataclasses.fields(ModelProfile)} - {"orbit"}
    fields |= {f"orbit.{field.name}" for field in dataclasses.fields(Orbit)}
    fields |= {field.name for kind in (Vocabulary, View, Band, ViewVocabulary) for field in dataclasses.fields(kind)}
    assert [name for name in sorted(fields) if f"`{name}`" not in page and f'"{name}":' not in page] == []
