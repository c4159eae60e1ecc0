"""What does reading a corpus cost, and is every word and entity in it found?

    python -m benchmarks.reading FILE [FILE ...] [--growth 15 50 100 200] [--repeats 3] [--out docs/reading.md]

Each measurement is a process of its own that reads one file as the app does, with `load_corpus`. Seconds are processor seconds: other
work on the machine does not count; memory is the largest the process ever took less what it took before reading, with all libraries loaded.
The first FILE is also repeated to the sizes in `--growth` (MB) and written to 10 MB of every text form. Writes a page with three tables.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from ner_core.data.corpus import load_corpus
from ner_core.data.formats.conll import write_conll
from ner_core.data.formats.decoding import Repairs, unpack
from ner_core.data.formats.jsonl import write_jsonl
from ner_core.data.formats.kaggle import write_long_csv
from ner_core.data.tags import spans_to_tags
from ner_core.data.text import tokenize
from ner_core.records import Sentence, SplitConfig

REPORT = Path(__file__).resolve().parents[1] / "docs" / "reading.md"
FORM_MB = 10
SECONDS, TIMES, GMB_SECONDS, GMB_MB = 3.0, 10, 3.0, 400  # what is promised: of 10 MB of any form, of all of GMB
WHOLE = SplitConfig(test=0.0, dev=0.0)


# --- one file, in a process of its own ------------------------------------------------------


def measure(path: Path) -> dict:
    """Read one file in a fresh process: seconds, megabytes, and what was found."""
    command = [sys.executable, "-m", "benchmarks.reading", "--child", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPORT.parents[1])
    if done.returncode:
        raise SystemExit(f"{path.name} was not read: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def read_here(path: Path) -> dict:
    """Read one file in this process."""
    tokenize("Ada Lovelace lives in London.")  # the tokenizer's library is no cost of reading
    (before, _), started, busy = memory_mb(), time.perf_counter(), time.process_time()
    corpus = load_corpus(path)
    seconds, waited, peak = time.process_time() - busy, time.perf_counter() - started, memory_mb()[1] - before
    labels = Counter(span.label for sentence in corpus.sentences for span in sentence.spans)
    return {
        "seconds": seconds,
        "waited": waited,
        "memory": peak,
        "sentences": len(corpus.sentences),
        "tokens": sum(map(len, corpus.sentences)),
        "entities": labels.total(),
        "labels": labels.most_common(),
        "form": corpus.form,
        "notes": sum(note.count for note in corpus.notes),
    }


def memory_mb() -> tuple[float, float]:
    """What this process takes now, and the most it ever took.

    Linux hands `ru_maxrss` on to a child from the parent it was forked from; what /proc says is the child's own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        said = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())
        now, most = (int(said[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM"))
        return now, most
    unit = 1 if platform.system() == "Darwin" else 1024  # bytes there, kB elsewhere
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return most, most


# --- the same corpus in other sizes and forms ---------------------------------------------------


def grow(data: bytes, n_bytes: int) -> Iterator[bytes]:
    """Repeat a file's lines behind its first one until it has `n_bytes`."""
    first, _, rest = data.rstrip(b"\r\n").partition(b"\n")
    yield first + b"\n"
    size = len(first) + 1
    while size < n_bytes:
        block = (rest + b"\n")[: n_bytes - size]
        block = block[: block.rfind(b"\n") + 1]
        if not block:
            return
        size += len(block)
        yield block


def _tagged(sentence: Sentence) -> str:
    return json.dumps({"tokens": sentence.words, "ner_tags": spans_to_tags(sentence.spans, len(sentence))}) + "\n"


def _marked(sentence: Sentence) -> str:
    tokens = sentence.tokens
    marks = [[tokens[span.start].start, tokens[span.end - 1].end, span.label] for span in sentence.spans]
    return json.dumps({"text": sentence.text, "label": marks}) + "\n"


def _row(sentence: Sentence) -> str:
    words, tags = repr(list(sentence.words)), repr(list(spans_to_tags(sentence.spans, len(sentence))))
    return ",".join(f'"{cell}"' for cell in ("1", words.replace('"', '""'), tags)) + "\n"


def _four_columns(sentence: Sentence) -> str:
    tags = spans_to_tags(sentence.spans, len(sentence))
    return "".join(f"{word} NN B-NP {tag}\n" for word, tag in zip(sentence.words, tags, strict=True)) + "\n"


def _numbered(sentence: Sentence) -> str:
    tags = spans_to_tags(sentence.spans, len(sentence))
    return "".join(f"1\t{word}\t{tag}\n" for word, tag in zip(sentence.words, tags, strict=True))


# form -> (what stands above, how one sentence is written)
FORMS = {
    "CoNLL, 2 columns": ("", lambda sentence: write_conll([sentence]) + "\n"),
    "CoNLL, 4 columns": ("", _four_columns),
    "table, one row a word": ("Sentence #,Word,POS,Tag\n", lambda s: write_long_csv([s]).partition("\n")[2]),
    "table, tabs": ("Sentence #\tWord\tTag\n", _numbered),
    "table, one row a sentence": ("Sentence #,Sentence,Tag\n", _row),
    "NER Lab JSON": ("", lambda sentence: write_jsonl([sentence])),
    "JSON with tags": ("", _tagged),
    "JSON with marks": ("", _marked),
    "plain text": ("", lambda sentence: sentence.text + "\n"),
}


def write_form(form: str, sentences: Sequence[Sentence], path: Path, megabytes: float = FORM_MB) -> None:
    """Write sentences, from the first again where they end, until the file is large enough."""
    header, write = FORMS[form]
    once, size = [], 0
    for sentence in sentences:
        once.append(write(Sentence(sentence.words, sentence.spans)).encode())
        size += len(once[-1])
        if size >= megabytes * 1e6:
            break
    with path.open("wb") as file:
        file.write(header.encode())
        for _ in range(max(1, round(megabytes * 1e6 / size))):
            file.writelines(once)


# --- the page ------------------------------------------------------------------------------------


def _best(path: Path, repeats: int) -> dict:
    found = [measure(path) for _ in range(repeats)]
    best = sorted(found, key=lambda each: each["seconds"])[len(found) // 2]
    return {**best, "memory": median(each["memory"] for each in found)}


def corpora_table(paths: Sequence[Path], repeats: int) -> list[str]:
    lines = [
        "| file | form | sentences | tokens | entities | by label | seconds | memory |",
        "|---|---|---:|---:|---:|---|---:|---:|",
    ]
    for path in paths:
        found = _best(path, repeats)
        labels = ", ".join(f"{label} {count:,}" for label, count in found["labels"])
        lines.append(
            f"| `{path.name}` | {found['form']} | {found['sentences']:,} | {found['tokens']:,} | {found['entities']:,} | {labels} "
            f"| {found['seconds']:.2f} | {found['memory']:.0f} MB |"
        )
        print(lines[-1], flush=True)
    return lines


def growth_table(path: Path, sizes: Sequence[float], repeats: int, folder: Path) -> list[str]:
    lines = [
        "| size | tokens | seconds | seconds a MB | memory | memory a MB |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    data = unpack(path.read_bytes(), Repairs())
    for size in sizes:
        grown = folder / "grown"
        with grown.open("wb") as file:
            file.writelines(grow(data, int(size * 1e6)))
        found, real = _best(grown, repeats), grown.stat().st_size / 1e6
        lines.append(
            f"| {real:.0f} MB | {found['tokens']:,} | {found['seconds']:.2f} | {found['seconds'] / real:.3f} "
            f"| {found['memory']:.0f} MB | {found['memory'] / real:.1f} MB |"
        )
        print(lines[-1], flush=True)
    return lines


def forms_table(path: Path, repeats: int, folder: Path) -> list[str]:
    lines = ["| form | tokens | seconds | memory | times its size |", "|---|---:|---:|---:|---:|"]
    sentences = load_corpus(path, split=WHOLE).train
    for form in FORMS:
        write_form(form, sentences, written := folder / "form")
        found, real = _best(written, repeats), written.stat().st_size / 1e6
        lines.append(
            f"| {form} | {found['tokens']:,} | {found['seconds']:.2f} | {found['memory']:.0f} MB | {found['memory'] / real:.1f} |"
        )
        print(lines[-1], flush=True)
    return lines


def page(paths: Sequence[Path], sizes: Sequence[float], repeats: int) -> str:
    """Measure everything and write it down."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpora = corpora_table(paths, repeats)
        growth = growth_table(paths[0], sizes, repeats, folder) if sizes else []
        forms = forms_table(paths[0], repeats, folder)
    where = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    return "\n".join(
        [
            "# What reading costs",
            "",
            "Written by `python -m benchmarks.reading FILE ...` (`benchmarks/reading.py`); no figure is typed by hand.",
            "",
            f"{where}; the middle of {repeats}. Seconds are processor seconds of one core, in a fresh process, splitting included. Memory is",
            "the largest the process ever took, less what it took before with its libraries loaded.",
            "",
            "## Real corpora, and what is found in them",
            "",
            f"Promised for GMB (`ner_dataset.csv`): less than {GMB_SECONDS:.0f} s and {GMB_MB} MB.",
            "",
            *corpora,
            "",
            *(["## Larger files: the first corpus, repeated", "", *growth, ""] if growth else []),
            f"## {FORM_MB} MB of each form: the first corpus, written anew",
            "",
            f"Promised: less than {SECONDS:.0f} s, and less than {TIMES} times the file's size.",
            "",
            *forms,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--growth", nargs="*", type=float, default=[15, 50, 100, 200], metavar="MB")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=REPORT)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(read_here(given.files[0])))
        return
    written = page(given.files, given.growth, given.repeats)
    given.out.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
