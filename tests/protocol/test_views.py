"""View words: the paper's four, and finer ones that are blended."""

import dataclasses

import pytest

from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.presets import new_job
from sjc_blender.protocol.profile_content import Vocabulary
from sjc_blender.protocol.spec import CLOSE, Camera, CameraRig, FieldSpec, JobSpec, OrbitRig, ProxySpec
from sjc_blender.protocol.views import PAPER_VIEWS, Band, View, ViewVocabulary, direction, lowest_view


@pytest.mark.parametrize(
    ("azimuth", "elevation", "words"),
    [
        (0, 0, "front view of"),
        (44, 41, "front view of"),
        (-46, 0, "side view of"),
        (90, 10, "side view of"),
        (134, 0, "side view of"),
        (136, 0, "backside view of"),
        (-180, -6, "backside view of"),
        (0, 42, "overhead view of"),
        (180, 80, "overhead view of"),
    ],
)
def test_the_papers_four_prefixes(azimuth, elevation, words):
    views = load_profile("some/model").views
    assert views.prompts("a cat", azimuth, elevation) == [(f"{words} a cat", 1.0)]


def grid():
    azimuths = (0, 90, 180, 270)
    bands = [Band(e, tuple(View(a, f"{a} {e} {{prompt}}") for a in azimuths)) for e in (0, 60)]
    return ViewVocabulary("bilinear", tuple(bands))


def test_blended_views_weigh_the_four_around_the_camera():
    weights = dict(grid().prompts("x", 45 / 2, 15))
    assert weights == pytest.approx({"0 0 x": 0.5625, "90 0 x": 0.1875, "0 60 x": 0.1875, "90 60 x": 0.0625})


def test_views_blended_by_azimuth_keep_to_the_nearest_band():
    views = dataclasses.replace(grid(), interpolation="azimuth")
    assert dict(views.prompts("x", 45 / 2, 29)) == pytest.approx({"0 0 x": 0.75, "90 0 x": 0.25})
    assert dict(views.prompts("x", 45 / 2, 31)) == pytest.approx({"0 60 x": 0.75, "90 60 x": 0.25})
    paper = dataclasses.replace(PAPER_VIEWS, interpolation="azimuth")
    assert dict(paper.prompts("x", -135, 41)) == {"backside view of x": 0.5, "side view of x": 0.5}
    assert dict(paper.prompts("x", -135, 42)) == {"overhead view of x": 1.0}


def test_blended_views_wrap_around_and_clamp():
    assert dict(grid().prompts("x", -45, -20)) == pytest.approx({"270 0 x": 0.5, "0 0 x": 0.5})
    assert dict(grid().prompts("x", 180, 89)) == {"180 60 x": 1.0}


@pytest.mark.parametrize("azimuth", range(-180, 360, 30))
def test_weights_sum_to_one_and_every_text_is_announced(azimuth):
    views = grid()
    prompts = views.prompts("x", azimuth + 0.3, azimuth / 4)
    assert sum(weight for _, weight in prompts) == pytest.approx(1.0)
    assert {text for text, _ in prompts} <= set(views.all_prompts("x"))


@pytest.mark.parametrize(
    ("position", "expected"),
    [((0, -2, 0), (0, 0)), ((2, 0, 0), (90, 0)), ((0, 2, 0), (180, 0)), ((-2, 0, 0), (-90, 0)), ((0, -1, 1), (0, 45))],
)
def test_directions(position, expected):
    assert direction(position) == pytest.approx(expected)


def test_a_prompt_outside_a_small_vocabulary_is_refused_with_what_it_knows():
    words = ("a", "red", "blue", "chair", "duck")
    vocabulary = Vocabulary("a {colour} {object}", ("red", "blue"), ("chair", "duck"), words)
    assert vocabulary.refusal("A red chair") is None
    for prompt in ("a golden dragon", "a red"):
        refusal = vocabulary.refusal(prompt)
        assert refusal is not None
        assert all(word in refusal.message for word in ("chair", "duck", "red", "blue"))
        assert "a red chair" in refusal.hint


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("blue mug", "a blue mug"),
        (" Mug", "a Mug"),
        ("a blue mug", "a blue mug"),
        ("an orange mug", "an orange mug"),
        ("a photo of a blue mug", "a photo of a blue mug"),
        ("front view of a blue mug", "front view of a blue mug"),
        ("", ""),
        ("bluish mug", "bluish mug"),
    ],
)
def test_a_missing_article_is_added_for_the_built_in_prior_alone(prompt, expected):
    vocabulary = load_profile("builtin").vocabulary
    assert vocabulary is not None
    assert vocabulary.completed(prompt) == expected
    if prompt == "blue mug":
        assert new_job(prompt).prompt == expected
        assert new_job(prompt, model="some/model").prompt == prompt


def test_the_lowest_view_of_an_orbit_and_of_cameras():
    def lowest(rig: OrbitRig | CameraRig) -> float:
        return lowest_view(JobSpec(prompt="", cameras=rig))

    assert lowest(OrbitRig(elevation=(-12.0, 40.0))) == -12.0

    def camera(height: float, weight: float = 1.0) -> Camera:
        pose = ((1.0, 0.0, 0.0, 0.0), (0.0, 0.0, -1.0, -2.0), (0.0, 1.0, 0.0, height), (0.0, 0.0, 0.0, 1.0))
        return Camera(name="a", pose=pose, window=(-1, 1, -1, 1), weight=weight)

    assert lowest(CameraRig((camera(2.0), camera(0.0)))) == pytest.approx(0.0)
    assert lowest(CameraRig((camera(2.0), camera(-2.0, weight=0.0)), jitter=5.0)) == pytest.approx(40.0)


@pytest.mark.parametrize(("looseness", "lowest"), [(0.0, -90.0), (0.1, -90.0), (CLOSE, -5.0)])
def test_the_underside_of_a_close_proxy_is_known_without_a_view(looseness, lowest):
    field = FieldSpec(proxy=ProxySpec("0" * 64, looseness))
    assert lowest_view(JobSpec(prompt="", field=field, cameras=OrbitRig(elevation=(-5.0, 40.0)))) == lowest
