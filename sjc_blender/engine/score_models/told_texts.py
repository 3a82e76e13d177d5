# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pipeline's text encoders return of a text, in whatever shape, as one row of numbers; and back.

A pipeline returns tokens, masks, a vector of the whole text, positions, of one encoder or of four, of a length that may
depend on the text. As one row a text's embeddings can be stored, repeated and blended linearly with another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

Tree = Any
"""Tensors in tuples and lists, as ``encode_prompt`` of a pipeline returns them."""

LEAST = 1e-3
"""Above it a mask's blend is still there: a blend sees the tokens of all its texts."""


@dataclass(frozen=True)
class Leaf:
    """A tensor in what is returned.

    Attributes
    ----------
    axis : int or None
        That of the texts; None if all texts share the tensor. -1 for a list with one tensor a text.
    dtype : torch.dtype
    ranks : int
        How many axes it has.
    """

    axis: int | None
    dtype: torch.dtype
    ranks: int


class ToldTexts:
    """The form of what a pipeline's encoders return, found by telling them one text, and the same twice.

    Parameters
    ----------
    one, two : tree
        What was returned.
    """

    def __init__(self, one: Tree, two: Tree) -> None:
        self.leaves: list[Leaf] = []
        self._form = self._form_of(one, two)

    def pack(self, records: Sequence[Tree], device: torch.device) -> torch.Tensor:
        """Put what was returned of texts, one by one, into rows [N, K], float32.

        A row begins with the sizes of each tensor in it; then come, for each tensor, which of the places along each
        axis are this text's, and its numbers. Where texts differ in length the shorter has zeros.
        """
        texts = [self._tensors(self._form, record) for record in records]
        sizes = [
            [max(text[index].shape[axis] for text in texts) for axis in range(leaf.ranks)]
            for index, leaf in enumerate(self.leaves)
        ]
        rows = []
        for text in texts:
            parts = [torch.tensor([float(size) for leaf in sizes for size in leaf], device=device)]
            for tensor, size in zip(text, sizes, strict=True):
                parts += [_places(have, want, device) for have, want in zip(tensor.shape, size, strict=True)]
                missing = [want - have for have, want in zip(tensor.shape, size, strict=True)]
                padded = functional.pad(tensor, [n for amount in reversed(missing) for n in (0, amount)])
                parts.append(padded.flatten().to(device=device, dtype=torch.float32))
            rows.append(torch.cat(parts))
        return torch.stack(rows)

    def unpack(self, row: torch.Tensor) -> list[torch.Tensor]:
        """The tensors in a row [K], in the form they were returned in for one text."""
        ranks = sum(leaf.ranks for leaf in self.leaves)
        sizes = [round(size) for size in row[:ranks].tolist()]
        tensors, at = [], ranks
        for leaf in self.leaves:
            size, sizes = sizes[: leaf.ranks], sizes[leaf.ranks :]
            own = []
            for length in size:
                own.append(int((row[at : at + length] > LEAST).sum()))
                at += length
            count = int(torch.Size(size).numel())
            tensor = row[at : at + count].view(size)[tuple(slice(length) for length in own)]
            at += count
            tensors.append(_as(leaf.dtype, tensor))
        return tensors

    def together(self, texts: Sequence[Sequence[torch.Tensor]]) -> Tree:
        """What would have been returned of several texts told at once; they have to be of the same sizes."""
        return self._rebuilt(self._form, texts)

    def _form_of(self, one: Tree, two: Tree) -> Tree:
        if isinstance(one, torch.Tensor):
            axis = next((axis for axis, (a, b) in enumerate(zip(one.shape, two.shape, strict=True)) if a != b), None)
            self.leaves.append(Leaf(axis, one.dtype, one.dim()))
            return _Place(len(self.leaves) - 1)
        if isinstance(one, list) and len(one) != len(two):
            self.leaves.append(Leaf(-1, one[0].dtype, one[0].dim()))
            return _Place(len(self.leaves) - 1)
        if isinstance(one, (list, tuple)):
            return type(one)(self._form_of(a, b) for a, b in zip(one, two, strict=True))
        return one

    def _tensors(self, form: Tree, record: Tree) -> list[torch.Tensor]:
        if isinstance(form, _Place):
            return [record[0] if isinstance(record, list) else record]
        if isinstance(form, (list, tuple)):
            return [tensor for a, b in zip(form, record, strict=True) for tensor in self._tensors(a, b)]
        return []

    def _rebuilt(self, form: Tree, texts: Sequence[Sequence[torch.Tensor]]) -> Tree:
        if isinstance(form, _Place):
            tensors, axis = [text[form.index] for text in texts], self.leaves[form.index].axis
            if axis is None:
                return tensors[0]
            return tensors if axis < 0 else torch.cat(tensors, dim=axis)
        if isinstance(form, (list, tuple)):
            return type(form)(self._rebuilt(part, texts) for part in form)
        return form


def negative_part(plain: Tree, guided: Tree) -> Tree | None:
    """What a pipeline's encoders return of a negative text, in the form of a wanted one.

    Pipelines tell both in one call, the negative in places that are empty without guidance, or in a call of its own.

    Parameters
    ----------
    plain, guided : tree
        What they return without guidance and with it.
    """
    if isinstance(plain, list) and len(guided) == 2 * len(plain):
        return guided[len(plain) :]
    if len(guided) != len(plain):
        return None
    found = []
    for one, other in zip(plain, guided, strict=True):
        if not isinstance(one, (list, tuple)) or len(one) != len(other):
            return None
        extra = [b for a, b in zip(one, other, strict=True) if _empty(a) and not _empty(b)]
        places = [index for index, a in enumerate(one) if not _empty(a)]
        if len(extra) != len(places):
            return None
        filled = list(one)
        for index, value in zip(places, extra, strict=True):
            filled[index] = value
        found.append(type(one)(filled))
    return found


def _empty(value: Tree) -> bool:
    return value is None or (isinstance(value, (list, tuple)) and not value)


@dataclass(frozen=True)
class _Place:
    index: int


def _places(have: int, want: int, device: torch.device) -> torch.Tensor:
    return (torch.arange(want, device=device) < have).float()


def _as(dtype: torch.dtype, numbers: torch.Tensor) -> torch.Tensor:
    if dtype == torch.bool:
        return numbers > LEAST
    return numbers.to(dtype) if dtype.is_floating_point else (numbers - LEAST).ceil().to(dtype)
