"""Bytes -> odd but well-formed values: how a fuzzer reaches behind a parser.

A flipped bit in JSON is mostly no JSON any more. Here the bytes choose, one after the other, what is changed in a
value that stays well-formed, so that the fuzzer's small steps stay small steps, and one find is one file of bytes.

>>> vary({"text": "Ada"}, Choices(bytes([1, 1, 0, 0, 0, 0])), ["label"])
{'text': None}
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

ODD: tuple = (
    None, True, False, 0, 1, -1, 2, 3, 5, 2**31, -(2**63), 2**64, 10**30, 0.5, 3.0, 1e308, "", " ", "\u00a0", "\n",
    "a\nb", "\t", "x" * 300, "é😀", "\ud800", "\x00", "O", "B-per", "3", "-1", "٣", "²", [], {}, [[]], [None], {"": None},
)  # fmt: skip


class Choices:
    """Reads numbers from bytes; behind their end every number is 0."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def number(self, n: int) -> int:
        """A number from 0 to n - 1."""
        byte = self._data[self._at] if self else 0
        self._at += 1
        return byte % max(n, 1)

    def one_of(self, values: Sequence):
        return values[self.number(len(values))]

    def take(self, n: int) -> bytes:
        taken = self._data[self._at : self._at + n]
        self._at += n
        return taken


def vary(value: object, choices: Choices, words: Sequence[str], most: int = 8) -> object:
    """Change `value` in up to `most` places, as the bytes say; the value given is left as it is."""
    top = [copy.deepcopy(value)]
    for _ in range(choices.number(most + 1)):
        if not choices:
            break
        _vary_once(top, choices, words)
    return top[0] if top else None


def _vary_once(top: list, choices: Choices, words: Sequence[str]) -> None:
    """Walk down from `top`, and change what stands at the end of the way."""
    parent, key = top, 0
    while isinstance(inner := parent[key], (dict, list)) and inner and choices.number(8):
        keys = list(inner) if isinstance(inner, dict) else range(len(inner))
        parent, key = inner, choices.one_of(keys)
    match choices.number(8):
        case 0 | 1 | 2:
            parent[key] = _odd(parent[key], choices, words)
        case 3 if parent is not top:
            del parent[key]
        case 4 if isinstance(parent, list):
            parent.insert(choices.number(len(parent) + 1), copy.deepcopy(parent[key]))
        case 5 if isinstance(parent, dict):
            parent[choices.one_of(words)] = parent.pop(key)
        case 6 if isinstance(parent, dict):
            parent[choices.one_of(words)] = copy.deepcopy(choices.one_of(ODD))
        case _:
            parent[key] = _near(parent[key], choices)


def _odd(value: object, choices: Choices, words: Sequence[str]) -> object:
    """Something else altogether."""
    match choices.number(4):
        case 0 | 1:
            return copy.deepcopy(choices.one_of(ODD))
        case 2:
            return choices.one_of(words)
        case _:
            return [copy.deepcopy(value)] * choices.number(4)


def _near(value: object, choices: Choices) -> object:
    """Something like it: a number beside it, a text or bytes with a piece exchanged."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, (int, float)):
        return value + choices.number(9) - 4
    if isinstance(value, (str, bytes)):
        at, n, size = choices.number(len(value) + 1), choices.number(4), choices.number(8)
        piece = choices.take(size)
        return value[:at] + (piece if isinstance(value, bytes) else piece.decode("utf-8", "replace")) + value[at + n :]
    return value


def edit(data: bytes, choices: Choices, words: Sequence[str]) -> bytes:
    """Change bytes in a few places as a fuzzer would: flip, cut, repeat, put in a word of the form."""
    for _ in range(1 + choices.number(4)):
        at = int(choices.number(256) / 256 * (len(data) + 1))
        n = choices.number(16)
        match choices.number(5):
            case 0:
                data = data[:at] + bytes([choices.number(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[at + n :]
            case 2:
                data = data[: at + n] + data[at:]
            case 3:
                data = data[:at] + choices.one_of(words).encode("utf-8", "replace") + data[at:]
            case _:
                data = data[:at] + choices.take(n) + data[at + n :]
    return data
