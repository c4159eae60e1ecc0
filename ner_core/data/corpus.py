"""Files -> a corpus in three parts that do not leak into each other.

Chapter of part I. It answers: *which sentences may a tagger learn from, and which may only measure it?*

Source: scikit-learn's `train_test_split` and Keras' `validation_split`, which the tutorials use; and Elangovan et
al. 2021, "Memorization vs. Generalization" (https://aclanthology.org/2021.eacl-main.113), on why they leak.

Differs from them: by default equal sentences stay together (`SplitConfig(kind="grouped")`), so that no sentence
is learned and then asked, and where sentences carry a genre every part gets its share of each; the split has a seed of its own, which is not the seed of training; parts that come
as files stay as they are, and what leaks between them is told in a Note. The form of a file is found by looking
into it, whatever its name.

>>> text = b"Ada\\tB-per\\nLovelace\\tI-per\\nlives\\tO\\nin\\tO\\nLondon\\tB-geo\\n.\\tO\\n"
>>> corpus = load_corpus(("ada.conll", text))
>>> corpus.labels, len(corpus.train), corpus.form
(('geo', 'per'), 1, 'CoNLL, 2 columns (tab), UTF-8, IOB2')
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from unicodedata import is_normalized, normalize

import numpy as np

from ner_core.data.formats.annotations import read_annotations
from ner_core.data.formats.conll import has_tags, read_conll
from ner_core.data.formats.decoding import LARGEST_FILE, PART_NAMES, FormatResult, Repairs, decode, shorten, unpack
from ner_core.data.formats.docbin import is_docbin, read_docbin
from ner_core.data.formats.json_lines import is_json
from ner_core.data.formats.kaggle import is_long_csv, read_long_csv
from ner_core.data.formats.plain import is_prose, read_plain
from ner_core.data.formats.sentence_rows import is_sentence_rows, read_sentence_rows
from ner_core.data.tags import notes_on_labels
from ner_core.records import GIVEN, GMB_LABELS, Corpus, InputError, Note, Sentence, SplitConfig, UploadError

Source = str | Path | tuple[str, bytes]

_LOOKED_AT = 100_000  # bytes that decide the form of a file
NEWSROOM = Path(__file__).parents[1] / "corpora" / "newsroom.conll"
READERS = {
    "kaggle": read_long_csv,
    "rows": read_sentence_rows,
    "conll": read_conll,
    "json": read_annotations,
    "spacy": read_docbin,
    "plain": read_plain,
}


# --- reading ----------------------------------------------------------------------


def load_corpus(
    source: Source = "newsroom",
    *,
    dev: Source | None = None,
    test: Source | None = None,
    name: str | None = None,
    format: str | None = None,
    split: SplitConfig = SplitConfig(),  # noqa: B008 (frozen)
    labels: Sequence[str] | None = None,
) -> Corpus:
    """Read one file and split it, or two or three files and keep them as they are.

    `source` is a path, a pair of name and bytes, or "newsroom", the corpus that ships; gzip, bzip2, xz and zip are
    unpacked. Given only a `test` file, dev is cut from `source` as `split` says. `format` is a key of `READERS`
    where the content should not decide. `labels` keeps these labels alone, in this order.

    Raises UploadError, a sentence for the person who chose the file, where one cannot be read.
    """
    results = {part: _read(given, format) for part, given in (("train", source), ("dev", dev), ("test", test)) if given}
    notes = [
        replace(note, what=f"{part}: {note.what}") if len(results) > 1 else note
        for part, result in results.items()
        for note in result.notes
    ]
    sentences = {part: result.sentences for part, result in results.items()}
    if labels is not None:
        sentences = {part: _keep_labels(found, labels, notes) for part, found in sentences.items()}
    known = tuple(labels or order_labels(sentence for part in sentences.values() for sentence in part))
    if known or not results["train"].form.startswith("plain"):  # a plain text says so itself
        notes += notes_on_labels(known)
    _note_two_ways((s for part in sentences.values() for s in part), notes)
    corpus = Corpus(name or _name(source), sentences["train"], (), (), known, results["train"].form)
    if len(results) > 1:
        corpus = _join_parts(corpus, sentences, split, notes)
    elif said := _said_parts(corpus.train, notes):
        corpus = _join_said(corpus, said, split, notes)
    else:
        corpus = resplit(corpus, split)
    return replace(corpus, notes=tuple(notes))


def _said_parts(sentences: Sequence[Sentence], notes: list[Note]) -> list[str]:
    """The part that each sentence names in its `meta`; [] unless every one does, and not train alone."""
    said = [PART_NAMES.get(dict(s.meta).get("part", ""), "") if s.meta else "" for s in sentences]
    if "" in said and any(said):
        what = "sentence that does not say its part, where others do: all are dealt as usual"
        notes.append(Note(what, said.count("")))
    return said if "" not in said and set(said) != {"train"} else []


def _join_said(corpus: Corpus, said: list[str], split: SplitConfig, notes: list[Note]) -> Corpus:
    """Keep the parts that a file names, as `with_parts` has it written; dev is cut from train where it names none."""
    bare = [replace(s, meta=tuple(pair for pair in s.meta if pair[0] != "part")) for s in corpus.train]
    rows = {part: [row for row, named in enumerate(said) if named == part] for part in ("train", "dev", "test")}
    parts = {part: tuple(bare[row] for row in found) for part, found in rows.items()}
    if parts["train"] and not parts["dev"]:
        del parts["dev"]  # so that it is cut
    joined = _join_parts(corpus, parts, split, notes, by="the file")
    if not parts["train"]:
        named = " and ".join(part for part in ("dev", "test") if parts[part])
        notes.append(
            Note(f"sentence that says {named}, where none says train: there is nothing to train on", len(said))
        )
    elif "dev" not in parts and joined.dev:
        notes.append(Note("sentence that says train, dealt to dev, because none says dev", len(joined.dev)))
    order = (*rows["train"], *rows["dev"], *rows["test"])
    return replace(joined, order=order if joined.train == parts["train"] else ())


def with_parts(corpus: Corpus) -> tuple[Sentence, ...]:
    """All sentences in the file's order, each with its part in `meta`, for a file to hold; as they are without dev and test.

    Raises ValueError where meta says something else of a part already.

    >>> two = Corpus("two", (Sentence(("Ada",)),), (), (Sentence(("Bob",)),), ())
    >>> [sentence.meta for sentence in with_parts(two)]
    [(('part', 'train'),), (('part', 'test'),)]
    """
    if not (corpus.dev or corpus.test):
        return tuple(_in_file(corpus, corpus.sentences))
    if taken := next((s.meta for s in corpus.sentences if "part" in dict(s.meta)), None):
        raise ValueError(f"Meta has a 'part' of its own, so no file can hold the corpus' parts. Received: {taken!r}.")
    named = [replace(s, meta=(("part", p), *s.meta)) for p in ("train", "dev", "test") for s in corpus.part(p)]
    return tuple(_in_file(corpus, named))


def _in_file(corpus: Corpus, sentences: Sequence[Sentence]) -> list[Sentence]:
    """Bring train, dev and test back into the order in which they stood in the file."""
    order = corpus.order if len(corpus.order) == len(sentences) else range(len(sentences))
    return [sentence for _, sentence in sorted(zip(order, sentences, strict=True), key=lambda pair: pair[0])]


def _join_parts(
    corpus: Corpus, sentences: dict, split: SplitConfig, notes: list[Note], by: str = "the files"
) -> Corpus:
    """Keep the given parts; cut dev from train where only a test file was given; tell the leak."""
    train, dev, test = sentences["train"], sentences.get("dev", ()), sentences.get("test", ())
    told = f"{GIVEN}{by}"
    if "dev" not in sentences:
        train, dev, _ = split_corpus(train, replace(split, test=0.0))
        by_genre = split.kind == "grouped" and any(map(_genre, sentences["train"]))
        told = (
            f"{GIVEN}{'a test file' if by == 'the files' else by}; dev: {_describe(replace(split, test=0.0), by_genre)}"
        )
    learned = {span.label for sentence in sentences["train"] for span in sentence.spans}
    for part in ("dev", "test"):
        new = [
            span.label for sentence in sentences.get(part, ()) for span in sentence.spans if span.label not in learned
        ]
        if new and sentences["train"]:
            what = f"{part}: entity with a label that train does not hold, so that nobody can learn it"
            notes.append(Note(f"{what}: {_few(dict.fromkeys(new))}", len(new)))
    corpus = replace(corpus, train=train, dev=dev, test=test, split=told)
    for part, found in leak(corpus).items():
        if found:
            share = len(found) / len(corpus.part(part))
            notes.append(
                Note(f"{part} sentence that stands word for word in train ({share:.1%} of {part})", len(found))
            )
    return corpus


def _read(source: Source, format: str | None) -> FormatResult:
    """Read one file; its name stands in front of what may be wrong with it."""
    if format not in (None, *READERS):
        raise InputError(f"A format is {' or '.join(READERS)}, or None. Received: {format!r}.")
    name, data = _fetch(source)
    repairs = Repairs()
    try:
        given = [unpack(data, repairs)]
        del data  # nobody but the reader holds the bytes now, and it lets them go once they are text
        result = READERS[format or recognise(given[0])](given.pop())
    except UploadError as error:
        raise UploadError(f"{' '.join(name.split())}: {error}") from None
    return replace(result, notes=repairs.notes + result.notes)


def _fetch(source: Source) -> tuple[str, bytes]:
    """The name and the bytes of a source."""
    if isinstance(source, tuple):
        return Path(source[0].replace("\\", "/")).name or "file", bytes(source[1])
    path = NEWSROOM if source == "newsroom" else Path(source)
    try:
        if path.is_dir():
            raise UploadError(f"{path}: this is a folder; received a path without a file; give a file in it.")
        if path.stat().st_size > LARGEST_FILE:
            limit = f"{LARGEST_FILE // 1_000_000} MB"
            raise UploadError(f"{path}: the file is larger than {limit}; received too much; give a part of it.")
        return path.name, path.read_bytes()
    except FileNotFoundError:
        raise UploadError(f"{path}: no such file; received a path that leads nowhere; check its spelling.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UploadError(
            f"{path}: the file cannot be opened; received: {why}; check the path and its rights."
        ) from None


def _name(source: Source) -> str:
    """What a corpus is called where nobody named it: its file without endings."""
    name = source[0] if isinstance(source, tuple) else str(source)
    return Path(name.replace("\\", "/")).name.split(".")[0] or "corpus"


def recognise(data: bytes) -> str:
    """Look at a file's text and name its reader.

    >>> recognise(b"Sentence #,Word,POS,Tag"), recognise(b"Ada B-per"), recognise(b'{"text": "Ada"}')
    ('kaggle', 'conll', 'json')
    """
    # A cut in the middle of a character may make the beginning look damaged: that is no matter here.
    if is_docbin(data):
        return "spacy"
    start = data[:_LOOKED_AT] if data[:_LOOKED_AT].strip() else data.lstrip()[:_LOOKED_AT]
    text = decode(start, Repairs())[0].lstrip() if start else ""
    if is_sentence_rows(text):
        return "rows"
    if is_long_csv(text):
        return "kaggle"
    if has_tags(text):
        return "conll"
    return "json" if is_json(text) else "plain" if is_prose(text) else "conll"


def _note_two_ways(sentences: Iterable[Sentence], notes: list[Note]) -> None:
    """Tell words that look the same and are written with other code points: they are two words to every tagger."""
    sentences = tuple(sentences)
    words = set().union(*(sentence.words for sentence in sentences))
    looks = {word: normalize("NFC", word) for word in words if not word.isascii() and not is_normalized("NFC", word)}
    counts = Counter(looks.values())
    twice = {word: look for word, look in looks.items() if look in words or counts[look] > 1}
    if twice:
        n_found = sum(word in twice for sentence in sentences for word in sentence.words)
        what = "word written in two ways that look the same (NFC and NFD), kept as two words"
        notes.append(Note(f"{what}: {_few(sorted(map(shorten, set(twice.values()))))}", n_found))


def _few(names: Iterable[str]) -> str:
    """The first three names, and how many there are beside them.

    >>> _few(["geo", "per"]), _few("abcde")
    ('geo, per', 'a, b, c and 2 more')
    """
    names = list(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")


def _keep_labels(sentences: Iterable[Sentence], labels: Sequence[str], notes: list[Note]) -> tuple[Sentence, ...]:
    """Drop the entities whose label is not among `labels`."""
    kept, n_dropped = [], 0
    for sentence in sentences:
        spans = tuple(span for span in sentence.spans if span.label in labels)
        n_dropped += len(sentence.spans) - len(spans)
        kept.append(sentence if len(spans) == len(sentence.spans) else replace(sentence, spans=spans))
    if n_dropped:
        notes.append(Note(f"entity with a label other than {', '.join(labels)}, left out", n_dropped))
    return tuple(kept)


def order_labels(sentences: Iterable[Sentence]) -> tuple[str, ...]:
    """GMB's labels in their fixed order; other labels as they first appear."""
    found = dict.fromkeys(span.label for sentence in sentences for span in sentence.spans)
    if found.keys() <= set(GMB_LABELS):
        return tuple(label for label in GMB_LABELS if label in found)
    return tuple(found)


# --- splitting --------------------------------------------------------------------


def split_corpus(sentences: Sequence[Sentence], split: SplitConfig) -> tuple[tuple[Sentence, ...], ...]:
    """Deal sentences to (train, dev, test).

    With n sentences, test gets ceil(test * n), as in scikit-learn, but leaves train at least one. Dev gets floor(dev * n) drawn at random; or,
    where `dev_from` is "end", the last of train behind floor((1 - dev) * n_train), as in Keras. "random" deals one
    by one, in the order drawn; "grouped" deals all equal sentences at once, as many as fit, in the file's order, and
    takes as large a share of every genre (`meta`) as of the whole.
    """
    return tuple(tuple(sentences[i] for i in rows) for rows in _deal(sentences, split))


def _deal(sentences: Sequence[Sentence], split: SplitConfig) -> tuple[list[int], list[int], list[int]]:
    """Row numbers of train, dev and test."""
    _check_split(split)
    n = len(sentences)
    rows = list(range(n))
    if split.order == "string ids":
        rows.sort(key=lambda row: f"Sentence: {row + 1}")
    groups = [[row] for row in rows]
    if split.kind == "grouped":
        by_words: dict[tuple[str, ...], list[int]] = {}
        for row in rows:
            by_words.setdefault(sentences[row].words, []).append(row)
        groups = list(by_words.values())
    drawn = [groups[i] for i in np.random.RandomState(split.seed).permutation(len(groups))]
    genres = [_genre(sentence) if split.kind == "grouped" else "" for sentence in sentences]
    test, drawn = _take(drawn, min(math.ceil(split.test * n), n - 1), genres)
    n_rest = n - len(test)
    if split.dev_from == "end":
        dev, drawn = _take(drawn[::-1], min(n_rest - int(n_rest * (1 - split.dev)), n_rest - 1), genres)
        dev, drawn = dev[::-1], drawn[::-1]
    else:
        dev, drawn = _take(drawn, int(split.dev * n), genres)
    parts = ([row for group in drawn for row in group], dev, test)
    return tuple(map(sorted, parts)) if split.kind == "grouped" else parts


def _take(groups: list[list[int]], n: int, genres: Sequence[str]) -> tuple[list[int], list[list[int]]]:
    """Take groups from the front until `n` rows, shared out among the genres, are full; one that does not fit stays.

    A group counts for the genre of its first row.
    """
    sizes: Counter[str] = Counter()
    for group in groups:
        sizes[genres[group[0]]] += len(group)
    room = share_out(n, sizes)
    taken, left = [], []
    for group in groups:
        genre = genres[group[0]]
        if len(group) <= room[genre]:
            room[genre] -= len(group)
            taken += group
        else:
            left.append(group)
    return taken, left


def share_out(n: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """Share `n` out in proportion to `sizes`: rounded down, and the rest to the largest remainders, the first of equals.

    >>> share_out(5, {"news": 6, "chat": 3, "mail": 1})
    {'news': 3, 'chat': 2, 'mail': 0}
    """
    total = sum(sizes.values()) or 1
    shares = {name: n * size // total for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: -(n * sizes[name] % total))
    for name in by_remainder[: n - sum(shares.values())]:
        shares[name] += 1
    return shares


def _genre(sentence: Sentence) -> str:
    """The genre a sentence carries, or ""."""
    return dict(sentence.meta).get("genre", "") if sentence.meta else ""


def _check_split(split: SplitConfig) -> None:
    for value, known in ((split.kind, ("grouped", "random")), (split.order, ("file", "string ids"))):
        if value not in known:
            raise ValueError(f"A split is {' or '.join(known)}. Received: {value!r}.")
    if split.dev_from not in ("shuffle", "end"):
        raise ValueError(f"dev_from is shuffle or end. Received: {split.dev_from!r}.")
    if not (0 <= split.test < 1 and 0 <= split.dev < 1 and split.test + split.dev < 1):
        raise ValueError(f"Shares of test and dev must leave something to train. Received: {split.test}, {split.dev}.")


def resplit(corpus: Corpus, split: SplitConfig) -> Corpus:
    """Deal all sentences of a corpus afresh, from the order in which they stood in the file."""
    in_file = _in_file(corpus, corpus.sentences)
    parts = _deal(in_file, split)
    train, dev, test = (tuple(in_file[row] for row in rows) for rows in parts)
    rows = tuple(row for part in parts for row in part)
    told = _describe(split, split.kind == "grouped" and any(map(_genre, in_file)))
    return replace(corpus, train=train, dev=dev, test=test, split=told, order=rows)


def _describe(split: SplitConfig, by_genre: bool = False) -> str:
    """A split in words.

    >>> _describe(SplitConfig())
    'grouped (equal sentences on one side), seed 1, test 20%, dev 8%'
    """
    kind = (
        "grouped (equal sentences on one side)"
        if split.kind == "grouped"
        else "random (equal sentences may be on two sides)"
    )
    dev = f"dev {split.dev:.0%}" + (" from the end of train" if split.dev_from == "end" else "")
    test = [f"test {split.test:.0%}"] if split.test else []
    order = ["sentence ids sorted as strings"] if split.order == "string ids" else []
    genre = ["each genre in like shares"] if by_genre else []
    return ", ".join([kind, *genre, f"seed {split.seed}", *test, dev, *order])


# --- what leaks, and which sentences these were ----------------------------------------


def leak(corpus: Corpus) -> dict[str, tuple[Sentence, ...]]:
    """The sentences of dev and of test whose words stand, all of them and in order, in train too."""
    known = {sentence.words for sentence in corpus.train}
    return {part: tuple(s for s in corpus.part(part) if s.words in known) for part in ("dev", "test")}


def fingerprint(sentences: Iterable[Sentence]) -> str:
    """SHA-256 of words and gold spans, in their order: two corpora with one fingerprint are the same.

    >>> fingerprint([Sentence(("London",))])[:8]
    '...'
    """
    digest = hashlib.sha256()
    for s in sentences:
        line = json.dumps([s.words, [(span.start, span.end, span.label) for span in s.spans]])
        digest.update(line.encode("ascii") + b"\n")
    return digest.hexdigest()


def fingerprints(corpus: Corpus) -> dict[str, str]:
    """The fingerprint of each part."""
    return {part: fingerprint(corpus.part(part)) for part in ("train", "dev", "test")}
