# SPDX-License-Identifier: GPL-3.0-or-later
"""Captions, their tokens, and the interpolation of views."""

import numpy as np
import pytest

from training import captions
from training.shapes import COLOURS, OBJECTS
from training.text import LENGTH, CaptionEncoder, build_encoder, build_tokenizer


def test_all_captions_with_a_view_have_the_same_number_of_tokens():
    tokenizer = build_tokenizer()
    lengths = {
        len(tokenizer(captions.view_text(s, b, captions.phrase(c, o))).input_ids)
        for s in range(8)
        for b in range(3)
        for c in COLOURS
        for o in OBJECTS
    }
    assert len(lengths) == 1
    assert lengths.pop() <= LENGTH


def test_every_word_is_one_token_and_any_text_can_be_encoded():
    tokenizer = build_tokenizer()
    for word in captions.words():
        assert len(tokenizer(word).input_ids) == 3, word
    assert "zebra" in tokenizer.decode(tokenizer("a zebra!").input_ids)


@pytest.mark.parametrize("azimuth", np.arange(-90, 450, 37.0))
@pytest.mark.parametrize("elevation", [-20.0, 5.0, 17.5, 30.0, 50.0, 80.0])
def test_weights_are_bilinear(azimuth, elevation):
    mixed = captions.mixture(azimuth, elevation)
    assert sum(mixed.weights) == pytest.approx(1.0)
    turn = sum(
        w * np.exp(1j * np.radians((s * 45.0 - azimuth + 180) % 360 - 180))
        for (s, _), w in zip(mixed.views, mixed.weights, strict=True)
    )
    assert abs(np.degrees(np.angle(turn))) < 3.0
    height = sum(w * captions.BANDS[b][0] for (_, b), w in zip(mixed.views, mixed.weights, strict=True))
    assert height == pytest.approx(np.clip(elevation, 5.0, 58.0))


def test_a_view_at_a_centre_is_its_caption():
    assert captions.exact(90.0, 30.0, "a red chair") == [("left side middle view of a red chair", 1.0)]
    assert captions.exact(315.0, 58.0, "a red chair")[0][0] == "front right high view of a red chair"


def test_encoder_mixes_embeddings_linearly():
    tokenizer = build_tokenizer()
    embed = CaptionEncoder(tokenizer, build_encoder(tokenizer).eval())
    one, two, mixed = embed([[("a red car", 1.0)], [("a blue mug", 1.0)], [("a red car", 0.25), ("a blue mug", 0.75)]])
    assert (0.25 * one + 0.75 * two - mixed).abs().max() < 1e-5
