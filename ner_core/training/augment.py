"""How does a tagger learn names and cases that its corpus does not hold?

Chapter of part IV. News from 2005 knows few of today's names and hardly a text without capitals. Each function here takes
sentences with their spans and returns others: a name in another's place, all in capitals, without the final full stop.
What is a mention stays one, with its label. All chance comes from the `random.Random` that the caller seeds, so the same
seed gives the same sentences.

Source: mention replacement is from Dai & Adel 2020 (arXiv 2010.11683, section 3), case mixing from Mayhew et al. 2019
(arXiv 1903.11222). Differs from them: a mention's substitute may come from lists of names beside the training part (see
`compose`); case-mixed copies stand beside the sentences and take the place of none; times and nationalities are not
replaced, because "in 2003" does not become "in Monday".

>>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
>>> replaced = replace_mentions(ada, {"geo": [("Addis", "Ababa")]}, random.Random(1), share=1.0)
>>> replaced.text, replaced.surface(replaced.spans[1])
('Ada Lovelace lives in Addis Ababa .', 'Addis Ababa')
>>> change_case(ada, str.upper).text
'ADA LOVELACE LIVES IN LONDON .'
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence

from ner_core.records import Sentence, Span

REPLACED = ("geo", "per", "org", "art", "eve", "nat")  # labels of which one name stands as well as another

# Names that are everyday words in lower case: "us", "who", "it". Without their capitals nobody could tell.
_EVERYDAY = """
us who it un up go r x c word time times will may mark hope rose target edge lost house dark friends cats pride arm visa
orange subway gap david bolt grab wise boots apple signal teams zoom switch echo focus polo golf leaf emma on in she we art
"""
EVERYDAY = frozenset(_EVERYDAY.split())


# --- mentions ---------------------------------------------------------------------


def mentions_by_label(sentences: Iterable[Sentence]) -> dict[str, list[tuple[str, ...]]]:
    """The words of every mention, by label: as often as they occur, so that a draw meets the frequent ones more often."""
    pools: dict[str, list[tuple[str, ...]]] = {}
    for sentence in sentences:
        for span in sentence.spans:
            pools.setdefault(span.label, []).append(sentence.words[span.start : span.end])
    return pools


def replace_mentions(
    sentence: Sentence,
    pools: Mapping[str, Sequence[tuple[str, ...]]],
    chance: random.Random,
    *,
    share: float = 0.5,
    labels: Sequence[str] = REPLACED,
) -> Sentence:
    """Put another mention of the same label, drawn from `pools`, in the place of a `share` of the mentions.

    A label without a pool, or not in `labels`, keeps its mentions.
    """
    words: list[str] = []
    spans, last = [], 0
    for span in sentence.spans:
        words += sentence.words[last : span.start]
        mention, last = sentence.words[span.start : span.end], span.end
        pool = pools.get(span.label) if span.label in labels else None
        if pool and chance.random() < share:
            mention = chance.choice(pool)
        spans.append(Span(len(words), len(words) + len(mention), span.label))
        words += mention
    words += sentence.words[last:]
    return Sentence(tuple(words), tuple(spans), meta=sentence.meta)


# --- case ---------------------------------------------------------------------------


def change_case(sentence: Sentence, change: Callable[[str], str]) -> Sentence:
    """The sentence with `change` done to every word: `str.lower`, `str.upper` or `title`."""
    return Sentence(tuple(map(change, sentence.words)), sentence.spans, meta=sentence.meta)


def title(word: str) -> str:
    """A word as a headline writes it; one that has a capital already keeps its form.

    >>> [title(word) for word in ("talks", "U.S.", "iPhone", "'s")]
    ['Talks', 'U.S.', 'iPhone', "'s"]
    """
    return word[:1].upper() + word[1:] if word.islower() and word[:1].isalpha() else word


def keeps_its_names(sentence: Sentence) -> bool:
    """Whether the names can still be told in lower case: "US" cannot.

    >>> keeps_its_names(Sentence(("US", "troops"), (Span(0, 1, "geo"),)))
    False
    """
    return not any(sentence.surface(span).lower() in EVERYDAY for span in sentence.spans)


def mix_case(
    sentences: Sequence[Sentence],
    chance: random.Random,
    *,
    lower: float = 0.25,
    upper: float = 0.05,
    titled: float = 0.05,
) -> tuple[Sentence, ...]:
    """The sentences and, of a share of them, copies in lower case, in capitals, and as a headline is written."""
    copies = []
    for sentence in sentences:
        drawn = chance.random()
        if drawn < lower:
            if keeps_its_names(sentence):
                copies.append(change_case(sentence, str.lower))
        elif drawn < lower + upper:
            copies.append(change_case(sentence, str.upper))
        elif drawn < lower + upper + titled:
            copies.append(change_case(sentence, title))
    return (*sentences, *copies)


# --- how people type -------------------------------------------------------------------


def drop_full_stop(sentence: Sentence) -> Sentence:
    """The sentence without its final full stop, unless that is all there is, or part of a mention.

    >>> drop_full_stop(Sentence(("It", "rains", "."))).words
    ('It', 'rains')
    """
    n = len(sentence)
    if n < 2 or sentence.words[-1] != "." or any(span.end == n for span in sentence.spans):
        return sentence
    return Sentence(sentence.words[:-1], sentence.spans, meta=sentence.meta)


def misspell(sentence: Sentence, chance: random.Random) -> Sentence:
    """The sentence with two neighbouring letters of one longer word exchanged; names are left alone."""
    inside = {i for span in sentence.spans for i in range(span.start, span.end)}
    places = [i for i, word in enumerate(sentence.words) if len(word) > 4 and word.isalpha() and i not in inside]
    if not places:
        return sentence
    place = chance.choice(places)
    words, word = list(sentence.words), sentence.words[place]
    at = chance.randrange(1, len(word) - 2)
    words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return Sentence(tuple(words), sentence.spans, meta=sentence.meta)


def join(first: Sentence, second: Sentence) -> Sentence:
    """Two sentences as one.

    >>> join(Sentence(("Hi",)), Sentence(("Ada",), (Span(0, 1, "per"),))).spans
    (Span(start=1, end=2, label='per'),)
    """
    n = len(first)
    moved = tuple(Span(span.start + n, span.end + n, span.label) for span in second.spans)
    return Sentence(first.words + second.words, first.spans + moved, meta=first.meta)
