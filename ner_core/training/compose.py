"""Where do sentences come from that nobody has annotated?

Chapter of part IV. From templates with slots, "{given} moved to {city} in {year}.", and lists of names that fill them. The
labels are known because the slots' are. Newspapers hold few questions, mails and chats; templates are a poor likeness of
them, but they show a tagger that a name may open a mail, end a question, or stand in lower case.

`corpora/names/*.txt` hold the names: a file a label, in it sections (`## city`), in them names between semicolons. A name may
have slots itself (`University of {city}`); `{1-31}` is a number. Given and family names are kept by their origin, and a
person has both from one. Lists are finite, and a tagger soon knows every name on them by heart. So some names are made up:
a chain of letters, each drawn by the two before it, writes "Adanike" or "Marenburg" as well as the lists do.

Source: templates with slots are as old as slot filling itself; that they help where text is scarce, see Anaby-Tavor et al.
2020 (arXiv 1911.03118), who let a language model write. The chains are Shannon's second-order approximation (1948, section
3), over letters of names. Differs from them: the sentences are written by hand.

>>> names = Names({"city": ("Addis Ababa",), "given.x": ("Ada",)}, {"city": "geo", "given": "per"})
>>> [sentence] = fill("Hi {given}, see you in {city}!", names, random.Random(1))
>>> sentence.words, [(sentence.surface(span), span.label) for span in sentence.spans]
(('Hi', 'Ada', ',', 'see', 'you', 'in', 'Addis', 'Ababa', '!'), [('Ada', 'per'), ('Addis Ababa', 'geo')])
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ner_core.data.text import cut_words, learn, split_sentences
from ner_core.records import InputError, Sentence, Span
from ner_core.training.augment import EVERYDAY

CORPORA = Path(__file__).parents[1] / "corpora"
NAMES, TEMPLATES = CORPORA / "names", CORPORA / "everyday_templates.txt"

_SLOT = re.compile(r"\{([^{}]+)\}")
_MARK = re.compile(r"\{([^{}]+)\}|\[([^\[\]|]+)\|(\w+)\]")
_NUMBER = re.compile(r"(\d+)-(\d+)")
_BY_ORIGIN = ("given", "family")
_MADE_UP = ("given", "family", "city", "invented")  # sections that are continued by made-up names
_MOST_TRIES = 20


@dataclass(frozen=True)
class Names:
    """Names and patterns by section, and each section's label. Some sections share an origin: `given.thai`, `family.thai`."""

    sections: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, str]
    chains: dict[str, dict[str, str]] = field(default_factory=dict, compare=False)

    def origins(self) -> list[str]:
        return sorted({name.partition(".")[2] for name in self.sections if name.partition(".")[0] in _BY_ORIGIN})


@dataclass(frozen=True, slots=True)
class Template:
    """One sentence with slots, and its kind: "mail", "chat lower", "headline" ..."""

    text: str
    kind: str


# --- reading -----------------------------------------------------------------------


def read_names(folder: Path = NAMES) -> Names:
    """Read every list of a folder; the file's name is the label, and words without one stand in files such as `_words`.

    Raises InputError where a name stands in no section.
    """
    sections: dict[str, tuple[str, ...]] = {}
    labels: dict[str, str] = {}
    for path in sorted(folder.glob("*.txt")):
        section = ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("## "):
                section = line[3:].strip()
                label = "" if path.stem.startswith("_") else path.stem
                labels[section] = labels[section.partition(".")[0]] = label
            elif line.strip():
                if not section:
                    raise InputError(
                        f"{path.name}, line {number}: a name before the first section. Write `## city` above."
                    )
                found = tuple(name.strip() for name in line.split(";") if name.strip())
                sections[section] = sections.get(section, ()) + found
    return Names(sections, labels)


def read_templates(path: Path = TEMPLATES) -> tuple[Template, ...]:
    """Read the templates, a line each, under headings that name their kind."""
    kind, found = "", []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            kind = line[3:].strip()
        elif line.strip() and not line.startswith("# "):
            found.append(Template(line.strip(), kind))
    return tuple(found)


def hold_out(entries: Sequence, share: float) -> tuple[list, list]:
    """Deal entries to (kept, held out) by a checksum of their text, so that a longer list keeps its parts."""
    held = [zlib.crc32(str(entry).encode()) % 1000 < 1000 * share for entry in entries]
    return [e for e, is_held in zip(entries, held, strict=True) if not is_held], [
        e for e, is_held in zip(entries, held, strict=True) if is_held
    ]


def hold_out_names(names: Names, share: float, *, at_least: int = 25) -> tuple[Names, Names]:
    """Deal the names to two: those to learn from, and those to be asked about. Patterns and short lists are in both."""
    kept, held = dict(names.sections), dict(names.sections)
    for section, entries in names.sections.items():
        plain = [entry for entry in entries if "{" not in entry]
        patterns = tuple(entry for entry in entries if "{" in entry)
        first, second = hold_out(plain, share)
        if len(plain) >= at_least and second and names.labels[section] not in ("tim", ""):
            kept[section], held[section] = tuple(first) + patterns, tuple(second) + patterns
    return Names(kept, names.labels), Names(held, names.labels)


# --- filling -----------------------------------------------------------------------


def draw(names: Names, section: str, chance: random.Random, *, made_up: float = 0.0, origin: str = "") -> str:
    """Draw a name of a section and fill the slots it has. Raises InputError for a section that no list has."""
    if number := _NUMBER.fullmatch(section):
        return str(chance.randint(int(number[1]), int(number[2])))
    if section in _BY_ORIGIN:
        section = f"{section}.{origin or _draw_origin(names, chance)}"
    if section not in names.sections:
        raise InputError(
            f"A slot names a section of the lists. Received: {{{section}}}. Lists: {', '.join(names.sections)}."
        )
    if section.partition(".")[0] in _MADE_UP and chance.random() < made_up:
        return make_up(names, section, chance)
    entry = chance.choice(names.sections[section])
    own = origin or _draw_origin(names, chance) if "{" in entry else origin  # one origin for all parts of a name
    return _SLOT.sub(lambda slot: draw(names, slot[1], chance, made_up=made_up, origin=own), entry)


def _draw_origin(names: Names, chance: random.Random) -> str:
    """An origin of names; English ones more often, as in English text."""
    origins = names.origins()
    return "english" if "english" in origins and chance.random() < 0.2 else chance.choice(origins)


def make_up(names: Names, section: str, chance: random.Random) -> str:
    """Write a name that is like those of the section: letter after letter, each drawn by the two before it."""
    if section not in names.chains:
        chain: dict[str, str] = {}
        for name in names.sections[section]:
            padded = f"^^{name.lower()}$" if name.isalpha() else ""
            for at in range(2, len(padded)):
                chain[padded[at - 2 : at]] = chain.get(padded[at - 2 : at], "") + padded[at]
        names.chains[section] = chain
    chain = names.chains[section]
    for _ in range(_MOST_TRIES):
        letters = "^^"
        while chain and not letters.endswith("$") and len(letters) < 16:
            letters += chance.choice(chain[letters[-2:]])
        made = letters[2:].rstrip("$").capitalize()
        if len(made) > 3 and letters.endswith("$") and made.lower() not in EVERYDAY:
            return made
    return chance.choice([name for name in names.sections[section] if "{" not in name])


def fill(template: str, names: Names, chance: random.Random, *, kind: str = "", made_up: float = 0.0) -> list[Sentence]:
    """Fill a template's slots; return its sentences, cut as any text is. Kinds that end in "lower" become lower case, in
    "capitals" capitals.
    """
    return _to_sentences(*_fill_text(template, names, chance, kind, made_up), kind)


def _fill_text(
    template: str, names: Names, chance: random.Random, kind: str, made_up: float
) -> tuple[str, list[tuple]]:
    """The text with its names, and where they stand: (start, end, label) in characters."""
    text, marks = _put_names(template, names, chance, made_up)
    if kind.endswith("capitals"):
        return "".join(c.upper() if len(c.upper()) == 1 else c for c in text), marks
    if not kind.endswith("lower"):
        return text, marks
    for _ in range(_MOST_TRIES):
        if not any(text[start:end].lower() in EVERYDAY for start, end, _ in marks):
            break
        text, marks = _put_names(template, names, chance, made_up)
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text), marks


def _put_names(template: str, names: Names, chance: random.Random, made_up: float) -> tuple[str, list[tuple]]:
    text, marks, last = "", [], 0
    for slot in _MARK.finditer(template):
        between = template[last : slot.start()]
        text, last = text + between, slot.end()
        if slot[2]:
            name, label = slot[2], slot[3]
        else:
            section = slot[1].removeprefix("#")
            name, label = draw(names, section, chance, made_up=made_up), names.labels.get(section, "")
            if slot[1] != section:
                name = "#" + re.sub(r"\W", "", name)
        start = len(text)
        if not label:
            text += name
            continue
        if between == " " and label == "per" and marks and marks[-1][1:] == (start - 1, "per"):
            start = marks.pop()[0]  # a title and a name, or a name in two slots
        text += name
        marks.append((start, len(text), label))
    return text + template[last:], marks


def _to_sentences(text: str, marks: Sequence[tuple[int, int, str]], kind: str) -> list[Sentence]:
    """Cut the text into sentences whose spans are the marks, each widened to whole words.

    Where a name is cut in two ("st. ives" may end a sentence) the text is given up.
    """
    found, n_marked = [], 0
    for cut in split_sentences(text):
        bounds = [(token.start, token.end) for token in cut.tokens]
        spans = []
        for start, end, label in marks:
            inside = [i for i, (left, right) in enumerate(bounds) if left < end and right > start]
            if inside and (not spans or spans[-1].end <= inside[0]):
                spans.append(Span(inside[0], inside[-1] + 1, label))
        n_marked += len(spans)
        found.append(Sentence(cut.words, tuple(spans), meta=(("genre", kind),)))
    return found if n_marked == len(marks) else []


def compose(
    templates: Sequence[Template], names: Names, seed: int, *, times: int = 1, made_up: float = 0.0
) -> tuple[Sentence, ...]:
    """Fill every template `times` times (one without a slot once); return the sentences, each different one once."""
    chance = random.Random(seed)
    filled = [
        (*_fill_text(template.text, names, chance, template.kind, made_up), template.kind)
        for template in templates
        for _ in range(times if "{" in template.text else 1)
    ]
    learn(text for text, _, _ in filled)
    found: dict[tuple, Sentence] = {}
    for text, marks, kind in filled:
        for sentence in _to_sentences(text, marks, kind):
            found.setdefault((sentence.words, sentence.spans), sentence)
    return tuple(found.values())


def name_pools(
    names: Names, sections: Mapping[str, Sequence[str]], seed: int, *, n: int = 2000, made_up: float = 0.0
) -> dict[str, list[tuple[str, ...]]]:
    """Draw `n` names a label from its `sections`, cut into words: what `replace_mentions` draws from."""
    chance = random.Random(seed)
    drawn = {
        label: [draw(names, chance.choice(of), chance, made_up=made_up) for _ in range(n)]
        for label, of in sections.items()
    }
    learn(name for found in drawn.values() for name in found)
    return {label: [tuple(word for word, _ in cut_words(name)) for name in found] for label, found in drawn.items()}
