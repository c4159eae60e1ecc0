"""What is marked as what, where the marks disagree, and what a test part asks that training never showed.

Chapter of part I. It answers: *is this corpus of one mind, do its parts overlap, and what will be new to a tagger?*

Source: the checks of Boyd, Dickinson & Meurers 2008, "On Detecting Errors in Dependency Treebanks", brought to names:
the same words marked in two ways are a difference of meaning or a mistake. Seen and unseen names follow Augenstein,
Derczynski & Bontcheva 2017, "Generalisation in Named Entity Recognition", as `scores.report` does.

Differs from them: nothing is corrected and nothing is guessed; every number can be asked for its sentences (`rows_with`).
Words are compared exactly, letter by letter, upper and lower case told apart. Every function takes `Columns`; `part` is
"train", "dev", "test", or None for all three. Rows count sentences of `columns.sentences`, from 0. Shares are 0-1.

>>> from ner_core.data.columns import as_columns
>>> from ner_core.records import Corpus, Sentence, Span
>>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
>>> fog = Sentence(("London", "fog", "!"))
>>> columns = as_columns(Corpus("small", (ada,), (), (fog,), ("geo", "per")))
>>> mentions_by_label(columns)["per"], inconsistent_surfaces(columns)
([SurfaceCount(surface='Ada Lovelace', n=1)],
 [Inconsistency(surface='London', label='geo', n_labelled=1, n_unlabelled=1)])
>>> rows_with(columns, surface="London"), rows_with(columns, surface="London", unlabelled=True)
(array([0]), array([1]))
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ner_core.data.columns import PARTS, Columns

EDGE = "<s>"  # stands before the first word of a sentence and behind its last
N_EXAMPLES = 10

# --- what is marked, and in how many ways ---------------------------------------------


@dataclass(frozen=True, slots=True)
class SurfaceCount:
    """How often these words are marked."""

    surface: str
    n: int


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Words that are marked with several labels: label -> mentions, the most frequent first."""

    surface: str
    counts: dict[str, int]

    @property
    def n(self) -> int:
        """Mentions, whatever their label."""
        return sum(self.counts.values())

    @property
    def n_minority(self) -> int:
        """Mentions outside the most frequent label: those that a tagger loses that knows the words alone."""
        return self.n - max(self.counts.values())


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """Words that are marked here and `O` there.

    `label` is the one they carry most often, `n_labelled` their mentions with any label. `n_unlabelled` is how often
    the same words stand in one sentence side by side with none of them in any mention.
    """

    surface: str
    label: str
    n_labelled: int
    n_unlabelled: int


def mentions_by_label(columns: Columns, part: str | None = None) -> dict[str, list[SurfaceCount]]:
    """Every surface of every label, the most frequent first, equal counts by alphabet; a label without any has []."""
    found: dict[str, list[SurfaceCount]] = {label: [] for label in columns.labels}
    for surface, label, n in _count_surface_labels(columns, part):
        found[columns.labels[label]].append(SurfaceCount(columns.surfaces[surface], n))
    for counts in found.values():
        counts.sort(key=lambda count: (-count.n, count.surface))
    return found


def ambiguous_surfaces(columns: Columns, part: str | None = None) -> list[Ambiguity]:
    """Surfaces with several labels; those with most mentions outside their most frequent label first.

    >>> from ner_core.data.columns import as_columns
    >>> from ner_core.records import Corpus, Sentence, Span
    >>> named = [Sentence(("Washington",), (Span(0, 1, label),)) for label in ("per", "geo", "geo")]
    >>> ambiguous_surfaces(as_columns(Corpus("small", tuple(named), (), (), ("geo", "per"))))
    [Ambiguity(surface='Washington', counts={'geo': 2, 'per': 1})]
    """
    counts: dict[int, list[tuple[int, int]]] = {}
    for surface, label, n in _count_surface_labels(columns, part):
        counts.setdefault(surface, []).append((-n, label))
    found = [
        Ambiguity(columns.surfaces[surface], {columns.labels[label]: -n for n, label in sorted(labels)})
        for surface, labels in counts.items()
        if len(labels) > 1
    ]
    return sorted(found, key=lambda one: (-one.n_minority, -one.n, one.surface))


def _count_surface_labels(columns: Columns, part: str | None) -> Iterable[tuple[int, int, int]]:
    """(surface, label, mentions) of every pair that occurs."""
    where, n_labels = columns.mentions(part), max(1, len(columns.labels))
    pairs = columns.mention_surface[where] * n_labels + columns.mention_label[where]
    values, counts = np.unique(pairs, return_counts=True)
    surfaces, labels = np.divmod(values, n_labels)
    return zip(surfaces.tolist(), labels.tolist(), counts.tolist(), strict=True)


def inconsistent_surfaces(columns: Columns, part: str | None = None) -> list[Inconsistency]:
    """Surfaces that are marked in some places and `O` in others, the most telling first.

    Most telling: the rarer of the two ways is frequent, and nearly as frequent as the other. Ordered by
    rarer * rarer / more frequent, so that 50 against 60 stand before 50 against 50,000.
    """
    where = columns.mentions(part)
    n_surfaces = len(columns.surfaces)
    unlabelled = np.bincount(_unlabelled_places(columns, part)[0], minlength=n_surfaces)
    labelled = np.bincount(columns.mention_surface[where], minlength=n_surfaces)
    both = np.flatnonzero((unlabelled > 0) & (labelled > 0))
    label_of: dict[int, tuple[int, int]] = {}
    for surface, label, n in _count_surface_labels(columns, part):
        label_of[surface] = min(label_of.get(surface, (0, 0)), (-n, label))
    found = [
        Inconsistency(columns.surfaces[surface], columns.labels[label_of[surface][1]], n_labelled, n_unlabelled)
        for surface, n_labelled, n_unlabelled in zip(
            both.tolist(), labelled[both].tolist(), unlabelled[both].tolist(), strict=True
        )
    ]
    return sorted(found, key=_how_telling)


def _how_telling(found: Inconsistency) -> tuple:
    rarer, other = sorted((found.n_labelled, found.n_unlabelled))
    return -rarer * rarer / other, -other, found.surface


def _unlabelled_places(columns: Columns, part: str | None, surface: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Every place in a part where the words of a mention (of this `surface`) stand outside all: (surface, first token).

    The mentions of the whole corpus are read as a trie, one word deeper a round. In each round the trie's nodes are
    numbered afresh by sorting (node, word), and every place that still follows a branch looks up its own (node, word):
    words are compared as they are, nothing is hashed, and mentions may be of any length.
    """
    is_asked = np.ones(len(columns.mention_surface), dtype=bool)
    if surface is not None:
        is_asked = _equal(columns.mention_surface, columns.surfaces, surface)
    n_words, n_tokens = len(columns.words), len(columns.word_ids)
    begins = (columns.starts[columns.mention_sentence] + columns.mention_start)[is_asked]  # (M,)
    lengths = (columns.mention_end - columns.mention_start)[is_asked]  # (M,)
    surfaces = columns.mention_surface[is_asked]  # (M,)
    can_begin = np.append(columns.is_outside(), False)  # (N + 1,): behind the last token nothing stands
    can_follow = can_begin.copy()
    can_follow[columns.starts] = False  # the first word of the next sentence
    is_first_word = np.zeros(n_words, dtype=bool)
    is_first_word[columns.word_ids[begins]] = True
    tokens = columns.tokens(part)
    places = np.flatnonzero(is_first_word[columns.word_ids[tokens]] & can_begin[tokens]) + tokens.start
    at_mention, at_place = np.zeros(len(begins), dtype=np.int64), np.zeros(len(places), dtype=np.int64)
    found = [(places[:0], places[:0])]
    for depth in range(int(lengths.max(initial=0))):
        keys, at_mention = np.unique(
            at_mention * n_words + columns.word_ids[begins + depth], return_inverse=True
        )  # (nodes,), (M,)
        wanted = at_place * n_words + columns.word_ids[places + depth]
        at_place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        is_on = keys[at_place] == wanted
        places, at_place = places[is_on], at_place[is_on]
        surface_at = np.full(len(keys), -1)
        is_whole = lengths == depth + 1
        surface_at[at_mention[is_whole]] = surfaces[is_whole]
        ends_here = surface_at[at_place]
        found.append((ends_here[ends_here >= 0], places[ends_here >= 0]))
        is_on = can_follow[np.minimum(places + depth + 1, n_tokens)]
        places, at_place = places[is_on], at_place[is_on]
        begins, lengths, surfaces, at_mention = (a[~is_whole] for a in (begins, lengths, surfaces, at_mention))
    found_surfaces, found_places = zip(*found, strict=True)
    return np.concatenate(found_surfaces), np.concatenate(found_places)


# --- what repeats, and what leaks -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Repeat:
    """Sentences of the very same words: their rows, the parts they stand in, whether their mentions differ."""

    rows: tuple[int, ...]
    is_conflicting: bool
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leak:
    """The sentences of a part, how many of them stand word for word in train, and their rows."""

    n_sentences: int
    n_leaked: int
    rows: tuple[int, ...]


def repeated_sentences(columns: Columns) -> list[Repeat]:
    """Groups of equal sentences: the conflicting ones first, then the largest, then as they come."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, sentence in enumerate(columns.sentences):
        groups.setdefault(sentence.words, []).append(row)
    found = [
        Repeat(
            tuple(rows),
            len({frozenset(columns.sentences[row].spans) for row in rows}) > 1,
            tuple(PARTS[part] for part in np.unique(columns.parts[rows])),
        )
        for rows in groups.values()
        if len(rows) > 1
    ]
    return sorted(found, key=lambda repeat: (not repeat.is_conflicting, -len(repeat.rows), repeat.rows))


def leakage(columns: Columns) -> dict[str, Leak]:
    """For "dev" and "test": which sentences stand in train too, all words in the same order.

    >>> from ner_core.data.columns import as_columns
    >>> from ner_core.records import Corpus, Sentence
    >>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."))
    >>> leakage(as_columns(Corpus("small", (ada,), (), (ada, Sentence(("Yes",))), ())))["test"]
    Leak(n_sentences=2, n_leaked=1, rows=(1,))
    """
    train = {sentence.words for sentence in columns.sentences[columns.rows("train")]}
    found = {}
    for part in PARTS[1:]:
        where = columns.rows(part)
        rows = tuple(row for row, s in enumerate(columns.sentences[where], where.start) if s.words in train)
        found[part] = Leak(where.stop - where.start, len(rows), rows)
    return found


# --- what will be new --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unseen:
    """Mentions, and how many of them train has never marked; `examples` are surfaces, the most frequent first."""

    n: int
    n_unseen: int
    examples: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        return self.n_unseen / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a vocabulary of words that stand at least `min_count` times in train knows: its size, shares of tokens.

    A part without tokens has share 0. What is not known is read as `<unk>`.
    """

    min_count: int
    n_words: int
    share_train: float
    share_dev: float
    share_test: float


def unseen_share(columns: Columns, part: str | None = "test") -> dict[str, Unseen]:
    """Under "all" and then every label: mentions of `part` whose surface is no mention of train, whatever its label.

    The same definition as `Report.seen` and `Report.unseen`. A label that is itself called "all" is left out.
    """
    is_known = np.zeros(len(columns.surfaces), dtype=bool)
    is_known[columns.mention_surface[columns.mentions("train")]] = True
    where = columns.mentions(part)
    surfaces, labels = columns.mention_surface[where], columns.mention_label[where]
    found = {"all": _count_unseen(columns, surfaces, is_known)}
    for number, label in enumerate(columns.labels):
        found.setdefault(label, _count_unseen(columns, surfaces[labels == number], is_known))
    return found


def _count_unseen(columns: Columns, surfaces: np.ndarray, is_known: np.ndarray) -> Unseen:
    values, counts = np.unique(surfaces[~is_known[surfaces]], return_counts=True)
    most = np.argsort(-counts, kind="stable")[:N_EXAMPLES]
    return Unseen(len(surfaces), int(counts.sum()), tuple(columns.surfaces[value] for value in values[most]))


def vocabulary_coverage(columns: Columns, thresholds: Iterable[int] = range(1, 21)) -> list[Coverage]:
    """How much of each part a vocabulary knows as the `<unk>` threshold rises.

    >>> from ner_core.data.columns import as_columns
    >>> from ner_core.records import Corpus, Sentence
    >>> columns = as_columns(Corpus("small", (Sentence(("to", "be", "or", "to")),), (), (Sentence(("to", "go")),), ()))
    >>> vocabulary_coverage(columns, [2])
    [Coverage(min_count=2, n_words=1, share_train=0.5, share_dev=0.0, share_test=0.5)]
    """
    n_words = len(columns.words)
    counts = {part: np.bincount(columns.word_ids[columns.tokens(part)], minlength=n_words) for part in PARTS}
    found = []
    for min_count in thresholds:
        is_known = counts["train"] >= max(1, min_count)
        shares = {f"share_{part}": float(n[is_known].sum() / max(1, n.sum())) for part, n in counts.items()}
        found.append(Coverage(min_count, int(is_known.sum()), **shares))
    return found


# --- what stands beside a label, and where it occurs ------------------------------------------


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A word beside the mentions of a label: how often, in which share of them, and how much more often than elsewhere.

    `lift` = share here / share beside all tokens of the part: 1 means no more often than anywhere.
    """

    word: str
    n: int
    share: float
    lift: float


@dataclass(frozen=True, slots=True)
class GenreCounts:
    """How much of a corpus one genre makes up; `entities` counts every label."""

    genre: str
    n_sentences: int
    n_tokens: int
    entities: dict[str, int]


def neighbours(
    columns: Columns, label: str, side: str = "before", part: str | None = None, n: int = 20, at_least: int = 5
) -> list[Neighbour]:
    """The `n` words that stand right before (or "after") mentions of `label`, the most telling first.

    Most telling: often there, and seldom elsewhere. Ordered by n * log(lift), the local mutual information of
    Evert 2005, "The Statistics of Word Cooccurrences"; lift alone would put the rarest words first, n alone "the".
    Words that stand there fewer than `at_least` times are left out. At the sentence's edge stands `<s>`.
    Raises ValueError for another side.

    >>> from ner_core.data.columns import as_columns
    >>> from ner_core.records import Corpus, Sentence, Span
    >>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
    >>> neighbours(as_columns(Corpus("small", (ada,), (), (), ("geo", "per"))), "geo", at_least=1)
    [Neighbour(word='in', n=1, share=1.0, lift=6.0)]
    """
    n_words, tokens = len(columns.words), columns.tokens(part)
    words = (*columns.words, EDGE)
    beside, own = _words_beside(columns, side), _mentions_of(columns, label, part)
    found = np.bincount(beside[_inner_tokens(columns, side)[own]], minlength=n_words + 1)
    shares = found / max(1, len(own))
    usual = np.bincount(beside[tokens], minlength=n_words + 1) / max(1, tokens.stop - tokens.start)
    ids = np.flatnonzero(found >= max(1, at_least))
    lifts = shares[ids] / usual[ids]
    return [
        Neighbour(words[ids[i]], int(found[ids[i]]), float(shares[ids[i]]), float(lifts[i]))
        for i in np.lexsort((ids, -found[ids] * np.log(lifts)))[:n]
    ]


def rows_beside(columns: Columns, label: str, word: str, side: str = "before", part: str | None = None) -> np.ndarray:
    """Find the sentences behind a neighbour: (rows,) of those where `word` stands there beside a mention of `label`.

    Raises ValueError for another side.
    """
    own = _mentions_of(columns, label, part)
    is_beside = _equal(_words_beside(columns, side)[_inner_tokens(columns, side)[own]], (*columns.words, EDGE), word)
    return np.unique(columns.mention_sentence[own[is_beside]])


def _words_beside(columns: Columns, side: str) -> np.ndarray:
    """(N,) the word before (or after) each token in its sentence; at the edge the id of `<s>` in (*words, EDGE)."""
    if side not in ("before", "after"):
        raise ValueError(f'A side is "before" or "after". Received: {side!r}.')
    edge = (*columns.words, EDGE).index(EDGE)
    beside = np.full(len(columns.word_ids), edge)
    starts = columns.starts[np.flatnonzero(columns.lengths)]  # of the sentences with a word
    if side == "before":
        beside[1:] = columns.word_ids[:-1]
        beside[starts] = edge
    else:
        beside[:-1] = columns.word_ids[1:]
        beside[starts[1:] - 1] = edge
    return beside


def _inner_tokens(columns: Columns, side: str) -> np.ndarray:
    """(M,) the first token of each mention, or the last one for the side "after"."""
    inner = columns.mention_start if side == "before" else columns.mention_end - 1
    return columns.starts[columns.mention_sentence] + inner


def _mentions_of(columns: Columns, label: str, part: str | None) -> np.ndarray:
    """Which mentions of a part carry the label."""
    where = columns.mentions(part)
    return np.flatnonzero(_equal(columns.mention_label[where], columns.labels, label)) + where.start


def genre_breakdown(columns: Columns) -> list[GenreCounts]:
    """Sentences, tokens and entities of every genre, the one with most sentences first; [] where there are no genres."""
    n_genres, n_labels = len(columns.genres), len(columns.labels)
    sentences = np.bincount(columns.genre_ids, minlength=n_genres)
    pairs = columns.genre_ids[columns.mention_sentence] * n_labels + columns.mention_label
    entities = np.bincount(pairs, minlength=n_genres * n_labels)
    found = []
    for number, genre in enumerate(columns.genres):
        own = entities[number * n_labels : (number + 1) * n_labels].tolist()
        n_tokens = int(columns.lengths[columns.genre_ids == number].sum())
        found.append(GenreCounts(genre, int(sentences[number]), n_tokens, dict(zip(columns.labels, own, strict=True))))
    return sorted(found, key=lambda counts: (-counts.n_sentences, counts.genre))


def rows_with(
    columns: Columns,
    *,
    label: str | None = None,
    tag: str | None = None,
    surface: str | None = None,
    genre: str | None = None,
    length: int | tuple[int, int] | None = None,
    part: str | None = None,
    unlabelled: bool = False,
) -> np.ndarray:
    """Find the sentences behind a number: (rows,) of those that meet every condition given, rising.

    label, tag, surface  one mention meets all three; tag "O" asks for a token outside all mentions
    length               tokens; a pair counts from its first to its second, both included
    unlabelled           the words of `surface` stand there outside all mentions (they may be marked elsewhere in it)

    Names that do not occur find nothing. Raises ValueError for a part or tag that cannot be, and where `unlabelled`
    has no `surface`.
    """
    if unlabelled and surface is None:
        raise ValueError("unlabelled asks where some words stand unmarked. Received no surface; give one.")
    is_wanted = np.zeros(len(columns.parts), dtype=bool)
    is_wanted[columns.rows(part)] = True
    if genre is not None:
        is_wanted &= _equal(columns.genre_ids, columns.genres, genre)
    if length is not None:
        low, high = (length, length) if isinstance(length, int | np.integer) else length
        is_wanted &= (columns.lengths >= low) & (columns.lengths <= high)
    if tag == "O":
        is_wanted &= _holds(columns, columns.token_rows()[columns.is_outside()])
        tag = None
    if unlabelled:
        _, places = _unlabelled_places(columns, part, surface)
        is_wanted &= _holds(columns, np.searchsorted(columns.starts, places, side="right") - 1)
        surface = None
    if label is not None or tag is not None or surface is not None:
        is_wanted &= _holds(columns, columns.mention_sentence[_are_mentions_with(columns, label, tag, surface)])
    return np.flatnonzero(is_wanted)


def _are_mentions_with(columns: Columns, label: str | None, tag: str | None, surface: str | None) -> np.ndarray:
    """(M,) which mentions carry the label, begin (`B-`) or go on (`I-`) with the tag, and are these words."""
    are_wanted = np.ones(len(columns.mention_label), dtype=bool)
    if label is not None:
        are_wanted &= _equal(columns.mention_label, columns.labels, label)
    if tag is not None:
        if tag[:2] not in ("B-", "I-"):
            raise ValueError(f"A tag is O, or B- or I- and a label. Received: {tag!r}.")
        are_wanted &= _equal(columns.mention_label, columns.labels, tag[2:])
        are_wanted &= columns.mention_end - columns.mention_start > (tag[0] == "I")
    if surface is not None:
        are_wanted &= _equal(columns.mention_surface, columns.surfaces, surface)
    return are_wanted


def _equal(ids: np.ndarray, names: tuple[str, ...], name: str) -> np.ndarray:
    """Which of the ids stand for `name`; none where it is no name."""
    return ids == (names.index(name) if name in names else -1)


def _holds(columns: Columns, rows: np.ndarray) -> np.ndarray:
    """(S,) whether a sentence is among these rows."""
    return np.bincount(rows, minlength=len(columns.parts)) > 0
