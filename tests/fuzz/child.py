"""The process in which atheris fuzzes one reader: `python -m tests.fuzz.child READER FOLDER SECONDS`, started by `tests.fuzz`.

Nothing of ner_core may be imported before atheris watches the imports: what came earlier would give no coverage.
"""

from __future__ import annotations

import re
import sys
import traceback
from pathlib import Path

MOST_BYTES = 4_096  # of one input
MOST_MEGABYTES = 2_048  # of memory
MOST_SECONDS = 600  # of one input by the clock, on a busy machine; the targets bound the processor's time, far lower


def main(reader: str, folder: Path, seconds: int) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["ner_core", "zipfile"]):
        from tests.fuzz.seeds import SEEDS
        from tests.fuzz.targets import TARGETS, run
    finds = folder / "finds"
    for data in SEEDS[reader][:3]:  # what is imported or built when first used is no part of a run
        try:
            TARGETS[reader](data)
        except Exception:
            continue

    def test_one(data: bytes) -> None:
        try:
            run(reader, data)
        except Exception as error:
            _keep(finds, error, data)

    atheris.Setup(
        [
            "fuzz",
            str(folder / "corpus"),
            str(folder / "seeds"),
            f"-max_total_time={seconds}",
            f"-max_len={MOST_BYTES}",
            f"-dict={folder / 'words.dict'}",
            f"-artifact_prefix={finds}/",
            f"-timeout={MOST_SECONDS}",
            f"-report_slow_units={MOST_SECONDS}",
            f"-rss_limit_mb={MOST_MEGABYTES}",
            "-len_control=20",
            "-reload=0",
        ],
        test_one,
    )
    atheris.Fuzz()


def _keep(finds: Path, error: Exception, data: bytes) -> None:
    """Keep the shortest input for each place in the code, and beside it what happened."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "ner_core" in frame.filename or "fuzz" in frame.filename]
    places = [f"{Path(frame.filename).stem}-{frame.name}-{frame.lineno}" for frame in ours[-2:]]
    path = finds / re.sub(r"[^\w-]+", "_", "-".join([type(error).__name__, *places]))
    if path.exists() and path.stat().st_size <= len(data):
        return
    path.write_bytes(data)
    told = "".join(traceback.format_exception(error))
    path.with_suffix(".txt").write_text(told[:20_000], encoding="utf-8", errors="backslashreplace")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
