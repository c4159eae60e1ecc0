"""What the tests of bad uploads share: the public door, and one corpus written in every form a person may upload."""

import csv
import io
import json

from ner_core.data.corpus import load_corpus
from ner_core.records import Corpus, SplitConfig

WHOLE = SplitConfig(test=0.0, dev=0.0)


def read(data: str | bytes, name: str = "upload.txt", **parts) -> Corpus:
    """Read an upload as a page does it: by name and bytes, the content deciding the form; nothing is cut off for test."""
    return load_corpus((name, data if isinstance(data, bytes) else data.encode()), split=WHOLE, **parts)


def words(corpus: Corpus) -> list[list[str]]:
    return [list(sentence.words) for sentence in corpus.train]


def notes(corpus: Corpus) -> dict[str, tuple[int, tuple[int, ...]]]:
    """What was told: Note -> (how often, first lines)."""
    return {note.what: (note.count, note.lines) for note in corpus.notes}


def tags(sentence: list[str]) -> list[str]:
    """The first word is a person, the others are nothing."""
    return ["B-per", *["O"] * (len(sentence) - 1)]


def conll(sentences: list[list[str]], between: str = "\t") -> str:
    return "\n".join(
        "".join(f"{word}{between}{tag}\n" for word, tag in zip(sentence, tags(sentence), strict=True))
        for sentence in sentences
    )


def table(sentences: list[list[str]], delimiter: str = ",", header=("Sentence #", "Word", "POS", "Tag")) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    for number, sentence in enumerate(sentences, 1):
        for i, (word, tag) in enumerate(zip(sentence, tags(sentence), strict=True)):
            writer.writerow(["" if i else f"Sentence: {number}", word, "X", tag])
    return out.getvalue()


def rows(sentences: list[list[str]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["Sentence #", "Sentence", "Tag"])
    writer.writerows([number, repr(sentence), repr(tags(sentence))] for number, sentence in enumerate(sentences, 1))
    return out.getvalue()


def tagged(sentences: list[list[str]]) -> str:
    return "".join(json.dumps({"tokens": s, "ner_tags": tags(s)}, ensure_ascii=False) + "\n" for s in sentences)


def marked(sentences: list[list[str]]) -> str:
    """Texts with marks, whose words the reader cuts itself."""
    records = [{"text": " ".join(s), "label": [[0, len(s[0]), "per"]]} for s in sentences]
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def plain(sentences: list[list[str]]) -> str:
    return "".join(" ".join(sentence) + "\n" for sentence in sentences)


# The forms in which each word has its own place, whatever characters it is made of.
EXACT = {
    "CoNLL, tabs": conll,
    "CoNLL, spaces": lambda sentences: conll(sentences, " "),
    "table, comma": table,
    "table, tab": lambda sentences: table(sentences, "\t"),
    "table of sentences": rows,
    "JSON with tags": tagged,
}
FORMS = {**EXACT, "JSON with marks": marked, "plain text": plain}
NO_GOLD = "sentence without tags: a text has no gold to learn from"
