"""How do the curves of a run reach TensorBoard?

Chapter of part IV. Where a run was asked for with `tensorboard`, its worker writes beside the event log

    <run>/tensorboard/events.out.tfevents.<seconds>.<machine>.<pid>

with loss, learning rate and gradient norm by step, and validation loss and entity precision, recall and F1 by epoch (at
that epoch's last step). The worker only repeats what the training has told it: the weights and the event log are
the same with it and without. A disk that refuses ends the repeating, never the training.

Source: TensorFlow's `event.proto` and `summary.proto` (an Event is a wall time, a step, and named values) and its
record format (length, masked CRC-32C of the length, the bytes, masked CRC-32C of the bytes; both little-endian).
Differs from Keras' TensorBoard callback and `tf.summary`: these need the package `tensorboard`, which TensorFlow does
not bring. To look at the curves one needs it; to write them one does not.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from ner_core.records import EpochDone, Event, RunEnded, StepDone

_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), its bits reversed


def _row(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(_row(byte) for byte in range(256))


def crc32c(data: bytes) -> int:
    """The CRC-32C of `data`.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    """The checksum as records hold it: turned by 15 bits and moved, so that a sum of sums is no fixed point."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def format_record(data: bytes) -> bytes:
    """One record of an event file."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


# --- events as protocol buffers: a field is its number and kind, then its value ---------------------


def _varint(number: int) -> bytes:
    """
    >>> _varint(300).hex()
    'ac02'
    """
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _bytes_field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def format_event(wall: float, step: int, body: bytes) -> bytes:
    """An Event: `wall` in seconds since 1970, the step, and what else there is to say."""
    return b"\x09" + struct.pack("<d", wall) + b"\x10" + _varint(step) + body


def scalars(values: dict[str, float]) -> bytes:
    """The Summary of an Event; values that are no finite numbers are left out."""
    said = b"".join(
        _bytes_field(1, _bytes_field(1, name.encode()) + b"\x15" + struct.pack("<f", value))
        for name, value in values.items()
        if math.isfinite(value) and abs(value) < 3e38  # a 32-bit float holds no more
    )
    return _bytes_field(5, said)


_VERSION = _bytes_field(3, b"brain.Event:2")
_STARTS = _bytes_field(7, b"\x08\x01")  # SessionLog.START: what was told of its step and later ones is void


class Board:
    """Repeats the events of a run for TensorBoard.

    `since` = the step it goes on after (0: anew): what older files there tell of later steps is void. None: there are none.
    """

    def __init__(self, folder: Path, since: int | None = None):
        self._file = None
        now = time.time()
        name = f"events.out.tfevents.{int(now)}.{socket.gethostname() or 'here'}.{os.getpid()}"
        with contextlib.suppress(OSError):
            (folder / "tensorboard").mkdir(exist_ok=True)
            self._file = (folder / "tensorboard" / name).open("ab")
        self._write(now, 0, _VERSION)
        if since is not None:
            self._write(now, since + 1, _STARTS)

    def take(self, event: Event) -> None:
        """Write what TensorBoard can draw of an event."""
        match event:
            case StepDone():
                values = {
                    "loss": event.loss,
                    "learning rate": event.learning_rate,
                    "gradient norm": event.gradient_norm,
                }
            case EpochDone(dev=dev):
                values = {"dev loss": event.dev_loss} if dev.n_sentences else {}
                values |= {f"dev entity {name}": getattr(dev, name) for name in ("f1", "precision", "recall") if values}
            case RunEnded():
                self.close()
                return
            case _:
                return
        self._write(time.time(), event.step, scalars(values))
        if isinstance(event, EpochDone):
            self._guarded(lambda file: file.flush())

    def close(self) -> None:
        """Write what is left; what is taken afterwards is not written. The end of a run closes it."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def _write(self, wall: float, step: int, body: bytes) -> None:
        self._guarded(lambda file: file.write(format_record(format_event(wall, step, body))))

    def _guarded(self, do) -> None:
        """Do something with the file; after the first refusal nothing more is tried, so that no record is torn within."""
        if self._file is None:
            return
        try:
            do(self._file)
        except OSError:
            self.close()


def has_curves(folder: Path) -> bool:
    """Tell whether curves were written there before."""
    return any((folder / "tensorboard").glob("events.*"))


def repeat(events: Iterator[Event], folder: Path) -> Iterator[Event]:
    """Pass the events of a training on, and write them into `folder` for TensorBoard."""
    board = Board(folder, 0 if has_curves(folder) else None)
    for event in events:
        board.take(event)
        yield event
    board.close()
