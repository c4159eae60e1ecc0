"""Raw text -> words with character offsets, and sentences.

Chapter of part I. It answers: *where does one word end and the next begin?*

Source: spaCy's rule tokenizer for English (https://spacy.io/usage/linguistic-features#how-tokenizer-works):
split at white space, then peel prefixes, suffixes and infixes off every piece.

Differs from it: hyphens stay inside words ("al-Qaida", "anti-U.N.", "1-0"), as in the GMB corpus that our
taggers learn from; so do hashtags and rows of "!!"; more abbreviations keep their full stop; a contraction needs
its apostrophe; white space never becomes a token; a piece longer than `LONGEST_PIECE` characters is cut first, because peeling one character
at a time from a piece of n characters costs n². Each distinct piece is tokenized once and kept in a
bounded cache, so that a sentence costs little more than one look-up a word.

>>> [token.text for token in tokenize("Ada Lovelace lives in London.")]
['Ada', 'Lovelace', 'lives', 'in', 'London', '.']
>>> tokenize("Ada Lovelace lives in London.")[4]
Token(text='London', start=22, end=28)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from threading import Lock

from ner_core.records import Sentence, Token

LONGEST_PIECE = 400  # characters between two white spaces before a piece is cut
LONGEST_SENTENCE = 200  # tokens
_CACHE_SIZE = 50_000  # distinct pieces
_BATCH_SIZE = 10_000  # pieces given to spaCy at once

_PIECE = re.compile(rf"\S{{1,{LONGEST_PIECE}}}")
_END = re.compile(r"[.!?]+|[…。！？]+")
# Words that no rule of spaCy's cuts, and the endings that every rule cuts off them: no need to ask it.
_PLAIN = re.compile(r"([A-Za-z]+(?:-[A-Za-z]+)*|[0-9]+)(,|(?<=[a-z0-9])\.|(?<=[A-Za-z])'s)?")
_TRAILING = re.compile(r"\.{2,}|…+")  # dots that may also stand inside a sentence
_ENDING = frozenset(".!?…。！？")  # no sentence ends behind any other character
_SMALL_GAPS = frozenset(["", " "])  # between two words of a line
_CLOSERS = frozenset(["'", '"', "''", "’", "”", "»", ")", "]", "}"])
_LINE_BREAK = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")

# One emoji of several code points: a flag, a family, a skin tone, a keycap.
_BASE = "[\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
_MODIFIED = rf"{_BASE}[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
_EMOJI = re.compile(rf"[\U0001f1e6-\U0001f1ff]{{2}}|{_MODIFIED}(?:\u200d{_MODIFIED})*|[0-9#*]\ufe0f?\u20e3")

# Words that open a sentence after an abbreviation: "She left the U.S. The war went on."
_OPENING = """
A After All An And As At But For He Her His How However I If In It Its Many Mr. Mrs. Ms. My On Our She Some That The
Their Then There These They This Those We What When Where Who Why You
"""
_OPENERS = frozenset(_OPENING.split())
_TITLES = frozenset("Mr. Mrs. Ms. Dr. Prof. Gen. Lt. Col. Capt. Sgt. Brig. Maj. St. Rep. Sen. Gov. vs. No.".split())  # noqa: SIM905
_ABBREVIATIONS = ("Lt.", "Col.", "Capt.", "Sgt.", "Brig.", "Maj.", "Cong.", "Gov.", "Sen.", "Prof.", "Sept.")
_DECADES = tuple(f"{quote}{tens}0s" for quote in "'’" for tens in range(10))  # "the '80s"

_pieces: dict[str, tuple[tuple[str, int], ...]] = {}  # piece -> (word, offset in the piece), ...
_lock = Lock()


def tokenize(text: str) -> tuple[Token, ...]:
    """Cut `text` into tokens whose offsets count its characters; no token holds white space.

    >>> [t.text for t in tokenize("U.S. troops -\\n an anti-U.N. force, 1-0!")]
    ['U.S.', 'troops', '-', 'an', 'anti-U.N.', 'force', ',', '1-0', '!']
    >>> tokenize("  ")
    ()
    """
    return tuple(Token(word, start, start + len(word)) for word, start in cut_words(text))


def cut_words(text: str) -> list[tuple[str, int]]:
    """What `tokenize` finds, as words and where they start: a million are cut in half the time.

    >>> cut_words("Ada runs.")
    [('Ada', 0), ('runs', 4), ('.', 8)]
    """
    known, found = _pieces, []
    for match in _PIECE.finditer(text):
        piece, start = match.group(), match.start()
        words = known.get(piece)
        if words is None:
            known = _cut_pieces({match.group() for match in _PIECE.finditer(text)})
            words = known[piece]
        if len(words) == 1:
            found.append((words[0][0], start))
        else:
            found += [(word, start + offset) for word, offset in words]
    return found


def learn(texts: Iterable[str]) -> None:
    """Cut the pieces of many texts at once, before the texts are: asking spaCy for each text takes longer than all else."""
    _cut_pieces({piece for text in texts for piece in text.split() if len(piece) <= LONGEST_PIECE})


def split_sentences(text: str) -> tuple[Sentence, ...]:
    """Cut `text` into sentences; `raw` is the whole text and `starts` count its characters.

    A sentence ends at `.`, `!` or `?` (not after an abbreviation, unless a word such as "The" follows), at a
    line break (unless the next line goes on in lower case), at a blank line, and after `LONGEST_SENTENCE` tokens.

    >>> [s.words for s in split_sentences("Mr. Hope left the U.S. He lives in London!")]
    [('Mr.', 'Hope', 'left', 'the', 'U.S.'), ('He', 'lives', 'in', 'London', '!')]
    """
    found, sentences, first = cut_words(text), [], 0
    if not found:
        return ()
    words, starts = zip(*found, strict=True)
    for end in _sentence_ends(text, words, starts):
        sentences.append(Sentence(words[first:end], raw=text, starts=starts[first:end]))
        first = end
    return tuple(sentences)


def _sentence_ends(text: str, words: tuple[str, ...], starts: tuple[int, ...]) -> Iterator[int]:
    """Yield the index behind the last word of each sentence; `starts` count characters."""
    first, is_ending = 0, False
    for index, (word, start, following, behind) in enumerate(
        zip(words, starts, words[1:], starts[1:], strict=False), 1
    ):
        gap = text[start + len(word) : behind]
        may_end = word[-1] in _ENDING
        if not gap and following in _CLOSERS:
            is_ending = is_ending or (may_end and _ends_sentence(word, ""))
            continue
        is_ending = is_ending or (may_end and _ends_sentence(word, following))
        if is_ending or (gap not in _SMALL_GAPS and _is_break(gap, following)) or index - first >= LONGEST_SENTENCE:
            yield index
            first, is_ending = index, False
    yield len(words)


def _ends_sentence(word: str, following: str) -> bool:
    """Does a sentence end behind `word`, when `following` is the next word?"""
    if _TRAILING.fullmatch(word):
        return not following[:1].islower()
    if _END.fullmatch(word):
        return True
    return word.endswith(".") and word not in _TITLES and following in _OPENERS and len(word) > 2


def _is_break(gap: str, following: str) -> bool:
    """Does the white space `gap` end a sentence, when `following` is the next word?"""
    n_breaks = len(_LINE_BREAK.findall(gap))
    return n_breaks > 1 or (n_breaks == 1 and not following[:1].islower())


def _cut_pieces(pieces: Iterable[str]) -> dict[str, tuple[tuple[str, int], ...]]:
    """Look up every piece, asking spaCy for those not seen lately that it could cut."""
    known, missing, rules, plain = {}, [], _tokenizer().rules, {}
    for piece in pieces:
        words = _pieces.get(piece)
        if words is not None:
            known[piece] = words
        elif (found := _PLAIN.fullmatch(piece)) and piece not in rules and found[1] not in rules:
            plain[piece] = ((found[1], 0), (found[2], len(found[1]))) if found[2] else ((piece, 0),)
        else:
            missing.append(piece)
    _keep(plain)
    known |= plain
    for first in range(0, len(missing), _BATCH_SIZE):
        batch = missing[first : first + _BATCH_SIZE]
        fresh = dict(zip(batch, _ask_spacy(batch), strict=True))
        _keep(fresh)
        known |= fresh
    return known


def _keep(found: dict[str, tuple[tuple[str, int], ...]]) -> None:
    """Remember how pieces are cut; so equal words of many texts are also one string in memory."""
    with _lock:
        if len(_pieces) + len(found) > _CACHE_SIZE:
            _pieces.clear()
        _pieces.update(found)


def _ask_spacy(pieces: list[str]) -> Iterator[tuple[tuple[str, int], ...]]:
    """Tokenize many pieces in one call; its vocabulary forgets them afterwards."""
    # A lone half of a surrogate pair cannot be encoded, and a damaged letter should not cut its word in two: spaCy sees
    # a letter in their place.
    line = " ".join(re.sub("[\ud800-\udfff\ufffd]", "x", piece) for piece in pieces)
    tokenizer = _tokenizer()
    with _lock, tokenizer.vocab.memory_zone():
        spans = [(token.idx, token.idx + len(token)) for token in tokenizer(line)]
    start, at = 0, 0
    for piece in pieces:
        words = []
        while at < len(spans) and spans[at][0] < start + len(piece):
            left, right = spans[at][0] - start, spans[at][1] - start
            words.append((piece[left:right], left))
            at += 1
        yield tuple(words) if piece.isascii() else tuple(_keep_emoji(piece, words))
        start += len(piece) + 1


def _keep_emoji(piece: str, words: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Join what was cut inside one emoji.

    >>> _keep_emoji("\U0001f44d\U0001f3fd.", [("\U0001f44d", 0), ("\U0001f3fd.", 1)])
    [('👍🏽', 0), ('.', 2)]
    """
    bounds = [match.span() for match in _EMOJI.finditer(piece) if match.end() - match.start() > 1]
    if not bounds:
        return words
    cuts = {left for _, left in words} | {words[-1][1] + len(words[-1][0])}
    for start, end in bounds:
        cuts = {cut for cut in cuts if not start < cut < end} | {start, end}
    cuts = sorted(cuts)
    return [(piece[left:right], left) for left, right in pairwise(cuts)]


@cache
def _tokenizer():
    """spaCy's English tokenizer, its rules set as in GMB and WNUT-17 (imported when first used)."""
    from spacy.lang.char_classes import ALPHA, ALPHA_LOWER, ALPHA_UPPER, CONCAT_QUOTES, LIST_ELLIPSES, LIST_ICONS
    from spacy.lang.en import English
    from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

    infixes = [
        *LIST_ELLIPSES,
        *LIST_ICONS,
        r"(?<=[0-9])[+*^](?=[0-9-])",
        rf"(?<=[{ALPHA_LOWER}{CONCAT_QUOTES}])\.(?=[{ALPHA_UPPER}{CONCAT_QUOTES}])",
        rf"(?<=[{ALPHA}]),(?=[{ALPHA}])",
        rf"(?<=[{ALPHA}])(?:–|—|---?)(?=[{ALPHA}])",  # dashes, not the single hyphen
        rf"(?<=[{ALPHA}0-9])[:<>=](?=[{ALPHA}])",
    ]
    prefixes = [r"#(?!\w)" if prefix == "#" else prefix for prefix in English.Defaults.prefixes]
    tokenizer = English().tokenizer
    tokenizer.infix_finditer = compile_infix_regex(infixes).finditer
    tokenizer.prefix_search = compile_prefix_regex(["[!?]{2,}", *prefixes]).search
    tokenizer.suffix_search = compile_suffix_regex(["[!?]{2,}", *English.Defaults.suffixes]).search
    # "cant" and "wed" stay whole: only an apostrophe makes a contraction.
    rules = tokenizer.rules.items()
    tokenizer.rules = {
        text: cut for text, cut in rules if len(cut) == 1 or not text.isalpha() or text.lower() == "cannot"
    }
    for word in (*_ABBREVIATIONS, *_DECADES, "'m", "'ve"):
        tokenizer.add_special_case(word, [{"ORTH": word}])
    return tokenizer
