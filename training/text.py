# SPDX-License-Identifier: GPL-3.0-or-later
"""The tokenizer and the text encoder of the prior."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from tokenizers import pre_tokenizers
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.captions import Weighted, words

LENGTH = 20
WIDTH = 64
_START, _END, _WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"


def build_tokenizer(vocabulary: Sequence[str] | None = None) -> CLIPTokenizer:
    """Return a CLIP tokenizer in which every word of `vocabulary`, by default of the captions, is one token.

    All bytes are in its vocabulary, so any other text can be encoded too. It is the same in every process: what the
    numbers of tokens mean is part of the weights.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = _merges(words() if vocabulary is None else vocabulary)
    tokens = alphabet + [symbol + _WORD_END for symbol in alphabet]
    tokens += [first + second for first, second in merges]
    places = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    places[_START] = len(places)
    places[_END] = len(places)
    return CLIPTokenizer(vocab=places, merges=merges, model_max_length=LENGTH)


def _merges(vocabulary: Sequence[str]) -> list[tuple[str, str]]:
    """Merges of byte pairs that make one token of each word, in the order of their rank.

    `tokenizers.trainers.BpeTrainer` learns such merges too, but those that are equally frequent in an order that
    changes from process to process.
    """
    merges: list[tuple[str, str]] = []
    for word in vocabulary:
        pieces = [*word[:-1], word[-1] + _WORD_END]
        while len(pieces) > 1:
            pairs = list(pairwise(pieces))
            pair = min((pair for pair in pairs if pair in merges), key=merges.index, default=pairs[0])
            if pair not in merges:
                merges.append(pair)
            place = pairs.index(pair)
            pieces[place : place + 2] = ["".join(pair)]
    return merges


def build_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Return an untrained text encoder for the vocabulary of `tokenizer`."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            attention_dropout=0.0,
        )
    )


class CaptionEncoder:
    """Embeds weighted captions, encoding every distinct caption of a batch once."""

    def __init__(self, tokenizer: CLIPTokenizer, encoder: CLIPTextModel) -> None:
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._ids: dict[str, list[int]] = {}

    def tokens(self, caption: str) -> list[int]:
        """Return the padded token ids of a caption."""
        if caption not in self._ids:
            self._ids[caption] = self._tokenizer(
                caption, padding="max_length", truncation=True, max_length=LENGTH
            ).input_ids
        return self._ids[caption]

    def __call__(self, captions: list[Weighted]) -> Tensor:
        """Return the embeddings ``[n, length, width]`` of weighted captions."""
        distinct = sorted({text for weighted in captions for text, _ in weighted})
        place = {text: index for index, text in enumerate(distinct)}
        ids = torch.tensor([self.tokens(text) for text in distinct])
        states = self._encoder(ids)[0]
        mix = torch.zeros(len(captions), len(distinct))
        for row, weighted in enumerate(captions):
            for text, weight in weighted:
                mix[row, place[text]] += weight
        return torch.einsum("nk,klw->nlw", mix, states)
