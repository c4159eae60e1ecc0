"""Which process is this, does it still live, and what is left of the machine?

Chapter of part IV. Four questions that each operating system answers in its own way, asked here so that
`runs`, `worker` and `jobs` need not know which one they run on: who is a process (its pid alone is not
enough: pids are used again), how many cores and how much memory are free, and who holds a lock.

Source: Linux' `/proc` and cgroup files, POSIX `ps` and `flock`, Windows' process calls. Differs from the
package psutil: only what is asked here, and nothing to install.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

PLENTY = 1 << 40  # kilobytes of memory where the system tells none


# --- processes ----------------------------------------------------------------------------


@lru_cache(maxsize=1)
def boot_id() -> str:
    """A text that changes with every start of the machine ("" where the system tells none)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@lru_cache(maxsize=1)
def machine_name() -> str:
    """The name of this machine in its network (of this container, where it is one), in letters a path can hold."""
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node()) or "machine"


def identify(pid: int) -> dict:
    """Describe a process so that one of another machine, with the same pid, or after a reboot, is told apart."""
    return {"pid": pid, "start": process_start(pid), "boot": boot_id(), "host": machine_name()}


def is_here(identity: Mapping) -> bool:
    """Tell whether the process is (or was) one of this machine, so that this machine knows whether it lives."""
    return identity.get("host", machine_name()) == machine_name()


def is_alive(identity: Mapping) -> bool:
    """Tell whether exactly this process still runs."""
    start = process_start(identity.get("pid") or 0)
    return start is not None and start == identity.get("start") and boot_id() == identity.get("boot")


def end_process(identity: Mapping) -> None:
    """End the process without asking it, where it still runs."""
    if is_alive(identity):
        with contextlib.suppress(ProcessLookupError):  # it ended in this moment
            os.kill(identity["pid"], getattr(signal, "SIGKILL", signal.SIGTERM))
        wait_until_gone(identity, 5.0)


def wait_until_gone(identity: Mapping, seconds: float) -> bool:
    """Wait for the process to end; False where it still runs after so many seconds."""
    end = time.monotonic() + seconds
    while is_alive(identity):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def process_start(pid: int) -> str | None:
    """When the process started, in the system's own words; None where it is gone or a zombie."""
    if not isinstance(pid, int) or pid <= 0:
        return None
    if sys.platform == "linux":
        try:
            status = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if status[0] in "ZX" else status[19]
    return _start_on_windows(pid) if os.name == "nt" else _start_by_ps(pid)


def _start_by_ps(pid: int) -> str | None:
    shown = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    status, _, start = shown.stdout.strip().partition(" ")
    return None if not start or status.startswith("Z") else start.strip()


def _start_on_windows(pid: int) -> str | None:
    import ctypes

    kernel = ctypes.windll.kernel32
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return None
    try:
        code, times = ctypes.c_ulong(), [ctypes.c_ulonglong() for _ in range(4)]
        kernel.GetExitCodeProcess(ctypes.c_void_p(handle), ctypes.byref(code))
        kernel.GetProcessTimes(ctypes.c_void_p(handle), *map(ctypes.byref, times))
        return str(times[0].value) if code.value == 259 else None  # STILL_ACTIVE
    finally:
        kernel.CloseHandle(ctypes.c_void_p(handle))


# --- cores and memory ---------------------------------------------------------------------


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory_mb() -> int:
    """Memory that can be used now, in MB; a container's own limit counts. Unknown = plenty."""
    free = _kilobytes("/proc/meminfo", "MemAvailable:") // 1024
    limit, used = _bytes("/sys/fs/cgroup/memory.max"), _bytes("/sys/fs/cgroup/memory.current")
    if limit is not None and used is not None:
        free = min(free, (limit - used) // 2**20)
    return free


def memory_mb() -> int:
    """Memory this process holds now, in MB (where only that is known, the most it has held); 0 = unknown."""
    held = _kilobytes("/proc/self/status", "VmRSS:")
    if held != PLENTY:
        return held // 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3))


def peak_megabytes() -> float:
    """Return the largest memory this process has held so far, in MB; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def _kilobytes(path: str, name: str) -> int:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return PLENTY
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), PLENTY)


def _bytes(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # absent, or "max"
        return None


# --- locks --------------------------------------------------------------------------------


def take_lock(path: Path):
    """Lock a file without waiting; the open file (closing it, or dying, unlocks), or None where it is locked."""
    file = path.open("a+b")
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file
    except OSError:
        file.close()
        return None
