"""A tool beside the book: is the Newsroom corpus what its card says?

It answers: *are the tags spelt right, is anything annotated twice in two ways, and how much of what is there?*
Run `python -m ner_core.corpora.check` to read the findings, with `--update` to write the figures into `CARD.md`.
The rules it checks stand in `docs/annotation.md`.

Differs from the readers of `ner_core.data.formats`: it reads one file only, ours, and repairs nothing. The parts are
those of `load_corpus()`; how two annotations agree is counted in `ner_core.corpora.agreement`.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ner_core.corpora.agreement import Agreement, agreement_rows, conflict_rows, measure, write_marked
from ner_core.data.corpus import load_corpus
from ner_core.records import GMB_LABELS, Corpus
from ner_core.scores.floors import floors

FOLDER = Path(__file__).parent
CORPUS = FOLDER / "newsroom.conll"
CARD = FOLDER / "CARD.md"
GENRES = (
    "news",
    "mail",
    "chat",
    "travel",
    "business",
    "history",
    "sport",
    "science",
    "health",
    "reviews",
    "minutes",
    "questions",
)
LENGTH_BANDS = ((1, 5), (6, 10), (11, 15), (16, 20), (21, 30), (31, 45), (46, 10_000))
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

# Names that stand for several things, on purpose: surface in lower case -> the labels it may have.
LANGUAGES = (
    "english",
    "portuguese",
    "spanish",
    "french",
    "arabic",
    "korean",
    "japanese",
    "german",
    "italian",
    "greek",
    "egyptian",
    "swahili",
    "turkish",
    "dutch",
    "polish",
    "chinese",
    "russian",
    "vietnamese",
    "hindi",
    "latin",
    "danish",
    "hungarian",
    "swedish",
    "finnish",
    "welsh",
    "norwegian",
    "thai",
    "indonesian",
    "quechua",
    "hebrew",
)
AMBIGUOUS: dict[str, set[str]] = {
    "amazon": {"geo", "org"},
    "april": {"tim", "per"},
    "chad": {"geo", "per"},
    "chelsea": {"org", "per"},
    "darwin": {"geo", "per"},
    "florence": {"geo", "per"},
    "georgia": {"geo", "per"},
    "jackson": {"geo", "per"},
    "java": {"geo", "art"},
    "june": {"tim", "per"},
    "lincoln": {"geo", "per"},
    "phoenix": {"geo", "art", "nat"},
    "santiago": {"geo", "per"},
    "sydney": {"geo", "per"},
    "tesla": {"org", "per"},
    "trieste": {"geo", "art"},
    "victoria": {"geo", "per", "art"},
    "jordan": {"gpe", "per"},
    "may": {"tim", "per"},
    "paris": {"geo", "per"},
    "washington": {"geo", "per"},
    **{language: {"gpe", "art"} for language in LANGUAGES},
}

# Surfaces that are also ordinary words, so that standing outside a mention is no oversight.
ALSO_PLAIN = {"apple", "biscuit", "May", "may", "northern lights", "turkey"}


@dataclass(frozen=True, slots=True)
class Annotated:
    """One sentence of the file; `line` is the number of its genre comment."""

    line: int
    genre: str
    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """One labelled stretch of tokens `start <= i < end` of a sentence."""

    start: int
    end: int
    label: str
    surface: str


# --- reading -----------------------------------------------------------------


def read_newsroom(text: str) -> list[Annotated]:
    """Read the corpus file: a genre comment, one `word TAB tag` a line, a blank line.

    >>> read_newsroom("# genre = chat\\noslo\\tB-geo\\n!\\tO\\n\\n")
    [Annotated(line=1, genre='chat', words=('oslo', '!'), tags=('B-geo', 'O'))]

    Raises ValueError with the line number where the form is broken.
    """
    sentences, genre, first, rows = [], "", 0, []
    for number, row in enumerate(text.split("\n"), start=1):
        if row.startswith("# genre = ") and "\t" not in row:
            if rows or genre:
                raise ValueError(f"Line {number}: a genre comment inside a sentence. Put a blank line before it.")
            genre, first = row.removeprefix("# genre = "), number
        elif row == "":
            if rows:
                sentences.append(Annotated(first, genre, *(tuple(column) for column in zip(*rows, strict=True))))
            genre, rows = "", []
        else:
            rows.append(_read_row(row, number, genre))
    if rows:
        raise ValueError(f"Line {first}: the last sentence has no blank line after it. Add one at the end of the file.")
    return sentences


def _read_row(row: str, number: int, genre: str) -> list[str]:
    columns = row.split("\t")
    if len(columns) != 2 or not all(columns) or any(re.search(r"\s", column) for column in columns):
        raise ValueError(f"Line {number}: expected one word, one tab, one tag. Received: {row!r}.")
    if genre not in GENRES:
        raise ValueError(f"Line {number}: expected a genre comment, one of {', '.join(GENRES)}. Received: {genre!r}.")
    return columns


def mentions(sentence: Annotated) -> list[Mention]:
    """Return the mentions of a sentence in order.

    >>> mentions(Annotated(1, "news", ("New", "York", "won"), ("B-geo", "I-geo", "O")))
    [Mention(start=0, end=2, label='geo', surface='New York')]
    """
    found, start = [], None
    for place, tag in enumerate((*sentence.tags, "O")):
        if start is not None and not tag.startswith("I-"):
            surface = " ".join(sentence.words[start:place])
            found.append(Mention(start, place, sentence.tags[start][2:], surface))
            start = None
        if tag.startswith("B-"):
            start = place
    return found


# --- looking for mistakes ----------------------------------------------------


def find_tag_mistakes(sentences: Iterable[Annotated]) -> list[str]:
    """List tags that are no IOB2 tag of the eight labels, and `I-` tags that continue nothing."""
    known = {"O", *(f"{prefix}-{label}" for label in GMB_LABELS for prefix in "BI")}
    problems = []
    for sentence in sentences:
        for place, (before, tag) in enumerate(zip(("O", *sentence.tags), sentence.tags, strict=False), start=1):
            if tag not in known:
                problems.append(f"line {sentence.line + place}: no such tag: {tag!r}")
            elif tag.startswith("I-") and before[2:] != tag[2:]:
                problems.append(f"line {sentence.line + place}: {tag!r} continues nothing (before it: {before!r})")
    return problems


def find_duplicates(sentences: Iterable[Annotated]) -> list[str]:
    """List sentences whose words, in lower case and without punctuation, stood before."""
    seen: dict[tuple[str, ...], int] = {}
    problems = []
    for sentence in sentences:
        key = tuple(word.casefold() for word in sentence.words if any(map(str.isalnum, word)))
        if key in seen:
            problems.append(f"line {sentence.line}: the same words as line {seen[key]}: {' '.join(sentence.words)!r}")
        seen.setdefault(key, sentence.line)
    return problems


def find_label_conflicts(sentences: Iterable[Annotated]) -> list[str]:
    """List surfaces with several labels that are not declared in `AMBIGUOUS`."""
    lines: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for sentence in sentences:
        for mention in mentions(sentence):
            lines[mention.surface.casefold()][mention.label].append(sentence.line)
    return [
        f"{surface!r} has several labels: "
        + ", ".join(f"{label} (line {', '.join(map(str, at[:3]))})" for label, at in sorted(by_label.items()))
        for surface, by_label in sorted(lines.items())
        if len(by_label) > 1 and not set(by_label) <= AMBIGUOUS.get(surface, set())
    ]


def find_missed(sentences: Sequence[Annotated]) -> list[str]:
    """List words that are a whole mention elsewhere and stand outside every mention here."""
    known = {mention.surface for sentence in sentences for mention in mentions(sentence)} - ALSO_PLAIN
    known = {surface for surface in known if not surface.isdigit()}  # 60 may be a year and a number
    longest = max((surface.count(" ") + 1 for surface in known), default=0)
    first_words = {surface.split(" ")[0] for surface in known}
    problems = []
    for sentence in sentences:
        for start, tag in enumerate(sentence.tags):
            if tag != "O" or sentence.words[start] not in first_words:
                continue
            for end in range(start + 1, min(start + longest, len(sentence.words)) + 1):
                surface = " ".join(sentence.words[start:end])
                if set(sentence.tags[start:end]) == {"O"} and surface in known:
                    problems.append(f"line {sentence.line + start + 1}: {surface!r} is a mention elsewhere, not here")
    return problems


def find_problems(sentences: Sequence[Annotated]) -> list[str]:
    """Run every search for mistakes."""
    return [
        *find_tag_mistakes(sentences),
        *find_duplicates(sentences),
        *find_label_conflicts(sentences),
        *find_missed(sentences),
    ]


# --- counting ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figures:
    """What the corpus holds. `n_once` counts mentions whose surface occurs only once."""

    n_sentences: int
    n_tokens: int
    n_words: int
    n_mentions: int
    n_once: int
    n_without: int
    labels: dict[str, int]
    genres: dict[str, int]
    bands: dict[str, int]
    longest: int


def count(sentences: Sequence[Annotated]) -> Figures:
    """Count sentences, tokens and mentions by label, genre and length."""
    found = [mention for sentence in sentences for mention in mentions(sentence)]
    surfaces = Counter(mention.surface.casefold() for mention in found)
    labels = Counter(mention.label for mention in found)
    genres = Counter(sentence.genre for sentence in sentences)
    lengths = [len(sentence.words) for sentence in sentences]
    return Figures(
        n_sentences=len(sentences),
        n_tokens=sum(lengths),
        n_words=len({word for sentence in sentences for word in sentence.words}),
        n_mentions=len(found),
        n_once=sum(1 for n in surfaces.values() if n == 1),
        n_without=sum(1 for sentence in sentences if set(sentence.tags) == {"O"}),
        labels={label: labels[label] for label in GMB_LABELS},
        genres={genre: genres[genre] for genre in GENRES},
        bands={_band(low, high): sum(low <= n <= high for n in lengths) for low, high in LENGTH_BANDS},
        longest=max(lengths, default=0),
    )


def _band(low: int, high: int) -> str:
    return f"{low}-{high}" if high < 10_000 else f"{low} and more"


def figures_table(figures: Figures) -> str:
    """Write the figures as the Markdown block of the corpus card."""
    n = figures.n_sentences
    rows = [
        ("sentences", f"{n:,}"),
        ("tokens", f"{figures.n_tokens:,}"),
        ("different words", f"{figures.n_words:,}"),
        ("tokens a sentence, mean / longest", f"{figures.n_tokens / n:.1f} / {figures.longest}"),
        ("mentions", f"{figures.n_mentions:,}"),
        ("mentions whose name occurs once", f"{figures.n_once:,} ({figures.n_once / figures.n_mentions:.1%})"),
        ("sentences without a mention", f"{figures.n_without:,} ({figures.n_without / n:.1%})"),
    ]
    return "\n\n".join(
        [
            _markdown(("what", "how many"), rows),
            _markdown(("label", "mentions"), [(label, f"{k:,}") for label, k in figures.labels.items()]),
            _markdown(("tokens", "sentences"), [(band, f"{k:,}") for band, k in figures.bands.items()]),
        ]
    )


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "---:") -> str:
    lines = [head, ["---", *[align] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def parts_table(corpus: Corpus) -> str:
    """Write the parts by genre, and how many test mentions training has never seen, as Markdown."""
    parts = [corpus.part(name) for name in ("train", "dev", "test", "all")]
    genres = [Counter(dict(sentence.meta)["genre"] for sentence in part) for part in parts]
    rows = [(genre, *(f"{counts[genre]:,}" for counts in genres)) for genre in GENRES]
    rows.append(("sentences", *(f"{len(part):,}" for part in parts)))
    rows.append(("tokens", *(f"{sum(map(len, part)):,}" for part in parts)))
    rows.append(("mentions", *(f"{sum(len(sentence.spans) for sentence in part):,}" for part in parts)))
    n_unseen, n_mentions = count_unseen(corpus)
    floor = floors(corpus.train, corpus.test)[1]
    return "\n\n".join(
        [
            _markdown(("genre", "train", "dev", "test", "all"), rows),
            f"Split: {corpus.split}.",
            f"Test mentions whose very words are no mention in train: {n_unseen:,} of {n_mentions:,} "
            f"(**{n_unseen / n_mentions:.1%}**). Tagging every word as train most often does reaches an entity F1 of "
            f"{floor.f1:.1%} on test.",
        ]
    )


def count_unseen(corpus: Corpus) -> tuple[int, int]:
    """Count the test mentions whose words are no mention in train, and all test mentions."""
    known = {sentence.surface(span) for sentence in corpus.train for span in sentence.spans}
    surfaces = [sentence.surface(span) for sentence in corpus.test for span in sentence.spans]
    return sum(surface not in known for surface in surfaces), len(surfaces)


def agreement_table(first: Agreement, now: Agreement) -> str:
    """Write how the two annotations agreed and what became of the conflicts, as Markdown."""
    left = "".join(f"\n- {write_marked(gold)}" for gold, _ in now.conflicts)
    return "\n\n".join(
        [
            f"When first compared: entity F1 **{first.overall.f1:.3f}** over {first.n_sentences:,} sentences, "
            f"{len(first.conflicts)} of which differ.",
            _markdown(("label", "in both", "first alone", "second alone", "F1"), agreement_rows(first)),
            _markdown(("first", "second", "kept", "why"), conflict_rows(), "---"),
            f"With the gold as corrected: F1 {now.overall.f1:.3f}; sentences that still differ: {len(now.conflicts)}.{left}",
        ]
    )


def card_figures(sentences: Sequence[Annotated]) -> str:
    """Write the whole block of figures: what there is, the parts, and how two annotations agree."""
    agreement = agreement_table(*measure(CORPUS))
    return "\n\n".join([figures_table(count(sentences)), parts_table(load_corpus()), "### Agreement", agreement])


def replace_figures(card: str, table: str) -> str:
    """Put the figures between the two markers of the card.

    Raises ValueError if the card does not hold each marker exactly once.
    """
    if card.count(BEGIN) != 1 or card.count(END) != 1:
        raise ValueError(f"{CARD.name} must hold {BEGIN} and {END} once each. Put them round the figures.")
    head, rest = card.split(BEGIN)
    return f"{head}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"


def main(arguments: Sequence[str]) -> int:
    """Print figures and problems; with `--update`, write the figures into the card."""
    sentences = read_newsroom(CORPUS.read_text(encoding="utf-8"))
    table = card_figures(sentences)
    card = CARD.read_text(encoding="utf-8")
    updated = replace_figures(card, table)
    if "--update" in arguments:
        CARD.write_text(updated, encoding="utf-8", newline="\n")
    problems = find_problems(sentences)
    if updated != card and "--update" not in arguments:
        problems.append("CARD.md tells other figures than the corpus: run with --update")
    print(table, "", *(problems or ["No problems found."]), sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
