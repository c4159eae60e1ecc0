"""Does our tokenizer cut typed text where the corpora cut it?

    python -m benchmarks.tokenizing [--all]

Corpora hold words, people type text. So every sentence's words are first written as a person would type them
(`type_out`), then cut again, by `data.text` and by spaCy's default English rules (`spacy.blank("en")`), and compared
with the words of the corpus. Reads GMB from `NER_LAB_CORPORA` (default: ../shared/corpora beside the checkout; left
out where it is not there) and the Newsroom corpus that ships; writes `docs/tokenizing.md`. `--all` prints more of
what differs.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.tutorials import CORPORA, ROOT, load_gmb
from ner_core.data.corpus import load_corpus
from ner_core.data.text import tokenize
from ner_core.records import Counts, Sentence, percent
from ner_core.tagger.store import write_file

NO_BLANK_BEFORE = frozenset([",", ".", ";", ":", "?", "!", ")", "]", "}", "%", "...", "''", "'", "’", "”"])
CLITICS = frozenset(["'s", "n't", "'re", "'ve", "'ll", "'d", "'m"])
NO_BLANK_AFTER = frozenset(["(", "[", "{", "$", "€", "£", "#", "``", "`", "“"])
N_SHOWN = 30  # disagreements in the document

Bounds = tuple[tuple[int, int], ...]  # of each word, in characters


def type_out(words: Sequence[str]) -> tuple[str, Bounds]:
    """Write words as a person types them, and say where each stands.

    No blank before , . ; : ? ! ) ] } % ... or a clitic ('s n't 're 've 'll 'd 'm), none after ( [ { $ € £ #; of the
    straight quotes " the first opens, the second closes, and so on. A full stop behind a word that ends in one
    ("U.S." ".") keeps its blank, because nobody types two.

    >>> type_out(["He", "said", ":", '"', "I", "do", "n't", '"', "(", "$", "5", ")", "."])[0]
    'He said: "I don\\'t" ($5).'
    """
    text, bounds, is_open, sticks = "", [], False, True
    for word in words:
        closes = word == '"' and is_open
        is_tight = word in NO_BLANK_BEFORE or word.lower() in CLITICS or closes
        if word == "." and text.endswith("."):
            is_tight = False
        if not (sticks or is_tight):
            text += " "
        bounds.append((len(text), len(text) + len(word)))
        text += word
        sticks = word in NO_BLANK_AFTER or (word == '"' and not is_open)
        is_open ^= word == '"'
    return text, tuple(bounds)


@dataclass
class Agreement:
    """How often words were cut as in the corpus: sentences, word boundaries (strict), and what differs."""

    n: int = 0
    n_same: int = 0
    words: Counts = field(default_factory=Counts)
    differing: Counter = field(default_factory=Counter)  # (corpus' words, found words) -> times

    @property
    def share(self) -> float:
        return self.n_same / self.n if self.n else 0.0


def compare(sentences: Iterable[Sentence], cut: Callable[[str], Bounds]) -> Agreement:
    """Type out every sentence, cut it, and count."""
    found = Agreement()
    tp = fp = fn = 0
    for sentence in sentences:
        text, gold = type_out(sentence.words)
        cuts = cut(text)
        found.n += 1
        found.n_same += cuts == gold
        right = len(set(gold) & set(cuts))
        tp, fp, fn = tp + right, fp + len(cuts) - right, fn + len(gold) - right
        if cuts != gold:
            found.differing.update(_differences(text, gold, cuts))
    found.words = Counts(tp, fp, fn)
    return found


def _differences(text: str, gold: Bounds, cuts: Bounds) -> Iterable[tuple[str, str]]:
    """The smallest stretches that both cut at their edges, but not alike within."""
    starts = [*sorted({start for start, _ in gold} & {start for start, _ in cuts}), len(text)]
    for start, end in pairwise(starts):
        ours = [text[a:b] for a, b in cuts if start <= a < end]
        theirs = [text[a:b] for a, b in gold if start <= a < end]
        if ours != theirs:
            yield " ".join(theirs), " ".join(ours)


def cut_ours(text: str) -> Bounds:
    return tuple((token.start, token.end) for token in tokenize(text))


def spacy_default() -> Callable[[str], Bounds]:
    """spaCy's English rules as they come; tokens of white space are left out."""
    import spacy

    tokenizer = spacy.blank("en").tokenizer
    return lambda text: tuple((t.idx, t.idx + len(t)) for t in tokenizer(text) if not t.is_space)


def write_report(found: dict[tuple[str, str], Agreement]) -> str:
    """`docs/tokenizing.md`: the table, and what ours still cuts otherwise."""
    lines = [
        "# Where words end: our tokenizer and the corpora",
        "",
        "Written by `python -m benchmarks.tokenizing` (`benchmarks/tokenizing.py`); no figure is typed by hand.",
        "",
        "Each corpus' words were written as a person types them, without the blanks that corpora put before commas and "
        "the like, and then cut again. A sentence agrees when all its words do.",
        "",
        "| corpus | rules | sentences | sentences that agree | word precision | recall | F1 |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for (corpus, rules), a in found.items():
        w = a.words
        lines.append(
            f"| {corpus} | {rules} | {a.n:,} | {percent(a.share, 2)} | {percent(w.precision, 2)} | "
            f"{percent(w.recall, 2)} | {percent(w.f1, 2)} |"
        )
    for (corpus, rules), a in found.items():
        if rules != "ours":
            continue
        lines += [
            "",
            f"## {corpus}: what ours cuts otherwise",
            "",
            "| times | in the corpus | ours |",
            "|---:|---|---|",
        ]
        lines += [f"| {n:,} | {_code(gold)} | {_code(ours)} |" for (gold, ours), n in a.differing.most_common(N_SHOWN)]
        rest = len(a.differing) - N_SHOWN
        if rest > 0:
            lines += ["", f"And {rest:,} more kinds, each {a.differing.most_common(N_SHOWN)[-1][1]:,} times or less."]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`` {text.replace('|', chr(92) + '|')} ``" if "`" in text else f"`{text.replace('|', chr(92) + '|')}`"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="print the 200 most frequent differences")
    asked = parser.parse_args()
    corpora = {"Newsroom": load_corpus().sentences}
    if (CORPORA / "gmb").exists():
        corpora = {"GMB": load_gmb().sentences, **corpora}
    rules = {"ours": cut_ours, "spaCy's default": spacy_default()}
    found = {
        (name, rule): compare(sentences, cut) for name, sentences in corpora.items() for rule, cut in rules.items()
    }
    for (name, rule), a in found.items():
        print(f"{name}, {rule}: {percent(a.share, 2)} of {a.n:,} sentences, word F1 {percent(a.words.f1, 3)}")
        for (gold, ours), n in a.differing.most_common(200 if asked.all and rule == "ours" else 0):
            print(f"{n:6,}  {gold!r:40} {ours!r}")
    write_file(ROOT / "docs" / "tokenizing.md", write_report(found).encode())


if __name__ == "__main__":
    main()
