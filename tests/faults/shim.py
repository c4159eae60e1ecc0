"""A file system that fails where it is told to: every write, rename, sync and removal of the program is counted.

`Shim("kill", 7)` ends the process (as `kill -9` would) before its 7th operation, `"torn"` in the middle of it, `"error"`
lets that one operation fail with "no space left", `"full"` that and every later one that needs room. `Shim("note")` only
notes what is done: (kind, path, ...), which test_power_loss.py replays without what was not yet synced.

It stands in front of `os` and `io.open`, which pathlib, shutil and json use; only paths under `root` count.
"""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path

ROOM = ("write", "mkdir", "open")  # what a full disk refuses


class Shim:
    """Use: `with Shim("kill", 7, root): ...`; `count` tells afterwards how many operations there were."""

    def __init__(self, mode: str, at: int, root: Path):
        self.mode, self.at, self.root = mode, at, str(root)
        self.count, self.operations = 0, []
        self.has_room = False  # somebody has given up what was kept in reserve
        self._kept = {name: getattr(os, name) for name in ("replace", "rename", "mkdir", "unlink", "rmdir", "fsync")}
        self._open, self._io_open = os.open, io.open

    def __enter__(self) -> Shim:
        for name in ("replace", "rename"):
            setattr(os, name, self._renaming(self._kept[name]))
        for name in ("mkdir", "unlink", "rmdir"):
            setattr(os, name, self._plain(name, self._kept[name]))
        os.fsync, io.open = self._fsync, self._open_file
        return self

    def __exit__(self, *_: object) -> None:
        for name, function in self._kept.items():
            setattr(os, name, function)
        io.open = self._io_open

    # --- one operation

    def step(self, kind: str, path: object, *more: object) -> bool:
        """Count one operation and do what was asked for; True where only half of a write is to be done."""
        if not str(path).startswith(self.root) or str(path).endswith("heartbeat") or "/heartbeat." in str(path):
            return False  # the pulse beats when it likes: it would make the count another each time
        self.count += 1
        self.operations.append((kind, str(path), *more))
        if self.mode == "kill" and self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mode == "error" and self.count == self.at:
            raise OSError(28, "No space left on device")
        self.has_room |= kind == "unlink" and str(path).endswith("/reserve")
        if self.mode == "full" and self.count >= self.at and kind in ROOM and not self.has_room:
            raise OSError(28, "No space left on device")
        return self.mode == "torn" and self.count == self.at

    def _plain(self, kind: str, function):
        def do(path, *options, dir_fd=None, **more):
            full = path if dir_fd is None else Path(f"/proc/self/fd/{dir_fd}").readlink() / path
            if self.step(kind, full):
                os.kill(os.getpid(), signal.SIGKILL)
            return function(path, *options, **({"dir_fd": dir_fd} if dir_fd is not None else {}), **more)

        return do

    def _renaming(self, function):
        def do(source, target, **options):
            if self.step("rename", source, str(target)):
                os.kill(os.getpid(), signal.SIGKILL)
            return function(source, target, **options)

        return do

    def _fsync(self, descriptor: int) -> None:
        if self.step("fsync", Path(f"/proc/self/fd/{descriptor}").readlink()):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mode != "note":  # what is only replayed need not reach a disk
            self._kept["fsync"](descriptor)

    def _open_file(self, path, mode="r", *options, **more):
        if not isinstance(path, int) and any(letter in mode for letter in "wxa"):
            self.step("open", path, mode)
            return _File(self, str(path), self._io_open(path, mode, *options, **more))
        return self._io_open(path, mode, *options, **more)


class _File:
    """A file opened for writing whose every `write` is counted."""

    def __init__(self, shim: Shim, path: str, file):
        self._shim, self._path, self._file = shim, path, file

    def write(self, data):
        raw = data.encode() if isinstance(data, str) else bytes(data)
        if self._shim.step("write", self._path, raw if self._shim.mode == "note" else b""):
            self._file.write(data[: len(data) // 2])
            self._file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return self._file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str):
        return getattr(self._file, name)
