"""Settings written as text reach the job, each field by itself."""

import pytest

from sjc_blender.protocol import events, presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.overrides import merged, parse_overrides
from sjc_blender.protocol.spec import ModelSpec


def test_text_becomes_nested_values_of_their_kind():
    changes = ["optimisation.steps=200", "optimisation.estimator=eq15", "outputs.mesh=false", "negative_prompt=a=b"]
    assert parse_overrides(changes) == {
        "optimisation": {"steps": 200, "estimator": "eq15"},
        "outputs": {"mesh": False},
        "negative_prompt": "a=b",
    }


@pytest.mark.parametrize("changes", [["steps"], ["=3"], ["model=builtin", "model.device=cpu"]])
def test_what_cannot_be_understood_is_refused_in_words(changes):
    with pytest.raises(SjcError) as caught:
        parse_overrides(changes)
    assert caught.value.code == "bad_usage"


def test_an_override_changes_only_what_it_names():
    settings = {"prompt": "a", "model": {"source": "x", "device": "auto"}}
    assert merged(settings, {"model": {"device": "cpu"}}) == {"prompt": "a", "model": {"source": "x", "device": "cpu"}}
    assert merged(settings, {"model": "y"})["model"] == "y"
    assert settings["model"]["device"] == "auto"


def test_the_device_of_a_model_can_be_set():
    spec = presets.new_job("a chair", model={"source": "some/model", "device": "cpu"})
    assert spec.model == ModelSpec(source="some/model", device="cpu")


def test_a_model_of_the_wrong_kind_is_named():
    with pytest.raises(SjcError, match=r"model\.source is 5"):
        presets.new_job("a chair", model=5)  # type: ignore[arg-type]


def test_a_line_of_brackets_is_no_event():
    assert events.from_line("[" * 200_000) is None
