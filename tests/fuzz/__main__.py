"""Fuzz the readers: `python -m tests.fuzz conll --seconds 1800`, or `all --jobs 2`; `make fuzz READER=conll SECONDS=1800`.

Needs atheris (`pip install -r requirements-fuzz.txt`). Each reader has a folder, `.ner_lab/fuzz/READER`: its growing corpus, its
log, and its finds, one file for each place in the code that broke a promise, the shortest one. A find does not end the run. At the
end there is one line of JSON a reader, on standard output.

`python -m tests.fuzz conll --replay FILE...` shows what happens with such a file, without atheris.
A find that was mended goes to `tests/fuzz/finds/READER`: `test_targets.py` replays it ever after.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from tests.fuzz.seeds import SEEDS, WORDS

PROJECT = Path(__file__).parents[2]


def main() -> int:
    options = _options()
    if options.replay:
        return _replay(options.reader, options.replay)
    readers = list(SEEDS) if options.reader == "all" else [options.reader]
    with ThreadPoolExecutor(options.jobs) as jobs:
        summaries = jobs.map(lambda reader: _fuzz(reader, options.folder / reader, options.seconds), readers)
        n_finds = 0
        for summary in summaries:
            print(json.dumps(summary), flush=True)
            n_finds += len(summary["finds"])
    return int(n_finds > 0)


def _options() -> argparse.Namespace:
    home = Path(os.environ.get("NER_LAB_HOME") or PROJECT / ".ner_lab")
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz a reader.")
    parser.add_argument("reader", choices=["all", *SEEDS])
    parser.add_argument("--seconds", type=int, default=60, help="wall clock, for each reader (60)")
    parser.add_argument("--jobs", type=int, default=1, help="readers at a time (1)")
    parser.add_argument("--folder", type=Path, default=home / "fuzz", help="where corpus, log and finds are kept")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="run these files and show what is wrong")
    options = parser.parse_args()
    if options.reader == "all" and options.replay:
        parser.error("a file is replayed with one reader: name it")
    return options


def _replay(reader: str, paths: list[Path]) -> int:
    from tests.fuzz.targets import run

    n_broken = 0
    for path in paths:
        try:
            run(reader, path.read_bytes())
            print(f"{path}: every promise kept")
        except Exception:
            n_broken += 1
            print(f"{path}:\n{traceback.format_exc()}")
    return int(n_broken > 0)


def _fuzz(reader: str, folder: Path, seconds: int) -> dict:
    """Fuzz one reader in a child process; a child that dies is started again until the time is over."""
    for name in ("corpus", "seeds", "finds"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for data in SEEDS[reader]:
        (folder / "seeds" / sha256(data).hexdigest()[:16]).write_bytes(data)
    words = (word.encode("utf-8", "replace") for word in WORDS[reader])
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in words)
    (folder / "words.dict").write_text("".join(f'"{word}"\n' for word in quoted), encoding="ascii")
    start, cpu, n_runs, edges, n_deaths = time.monotonic(), 0.0, 0, 0, 0
    log = folder / "log"
    while (left := round(start + seconds - time.monotonic())) > 0:
        with log.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.child", reader, str(folder.absolute()), str(left)],
                cwd=PROJECT,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu += usage.ru_utime + usage.ru_stime
        said = log.read_text(encoding="utf-8", errors="replace")
        n_runs += max(map(int, re.findall(r"^#(\d+)\t", said, re.MULTILINE)), default=0)
        edges = max([edges, *map(int, re.findall(r" cov: (\d+)", said))])
        if child.returncode == 0:
            break
        n_deaths += 1
        (folder / f"log.died{n_deaths}").write_text(said, encoding="utf-8")
        if n_deaths > 20 or "#" not in said:  # it never began
            print(said[-2_000:], file=sys.stderr)
            break
    finds = sorted(path for path in (folder / "finds").iterdir() if path.suffix != ".txt")
    return {
        "reader": reader,
        "seconds": round(time.monotonic() - start, 1),
        "cpu_seconds": round(cpu, 1),
        "executions": n_runs,
        "edges": edges,
        "corpus": sum(1 for _ in (folder / "corpus").iterdir()),
        "deaths": n_deaths,
        "finds": [f"python -m tests.fuzz {reader} --replay {path}" for path in finds],
    }


if __name__ == "__main__":
    sys.exit(main())
