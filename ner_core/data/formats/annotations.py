"""What annotation tools export as JSON, and our own JSON Lines.

Chapter of part I. It answers: *where do doccano, Prodigy, Label Studio, spaCy and DataTurks put text, marks and labels?*

Source: the export pages of doccano (https://doccano.github.io/doccano), Prodigy
(https://prodi.gy/docs/api-interfaces#ner), Label Studio (https://labelstud.io/guide/export), and spaCy's training
examples (https://spacy.io/api/data-formats). DataTurks is gone; its files are not: their ends are inclusive.

Differs from them: nobody has to say which tool it was, each record shows it (`TOOLS`). Where a record was answered
by several people, the first is believed; what was rejected, skipped or cancelled is left out; both in a Note.

>>> result = read_annotations(b'{"text": "Ada lives in London.", "label": [[0, 3, "PER"], [13, 19, "LOC"]]}')
>>> result.form, result.sentences[0].spans
('doccano JSON, UTF-8', (Span(start=0, end=1, label='PER'), Span(start=3, end=4, label='LOC')))
"""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ner_core.data.formats.decoding import (
    PART_NAMES,
    Columns,
    FormatResult,
    Repairs,
    clean_meta,
    decode,
    refuse,
    shorten,
    to_sentences,
    without_collector,
)
from ner_core.data.formats.json_lines import each_value
from ner_core.data.formats.marks import Mark, Record, clean_text
from ner_core.data.formats.marks import to_sentences as marks_to_sentences
from ner_core.records import Sentence

_STARTS = ("start", "start_offset", "begin")
_ENDS = ("end", "end_offset", "stop")
_LABELS = ("label", "labels", "entity", "tag", "type")
_WORD_KEYS = ("tokens", "words")
_TAG_KEYS = ("ner_tags", "ner", "labels", "tags")  # "tags" are parts of speech to some
_TAG = re.compile(r"O|[BIESLU]-.+")
_NO_LIST = "entities that are no list, left out"
_LONG_PARTS = {"training": "train", "testing": "test", "development": "dev"}
_MEND = 'a record needs a text and its marks, such as {"text": "Ada left.", "label": [[0, 3, "per"]]}, or words and as many tags'


@dataclass(slots=True)
class _Tagged:
    """A record that gives words and one tag a word, instead of marks."""

    words: list[str]
    tags: list[str]
    line: int
    meta: tuple[tuple[str, str], ...]


class Tool(NamedTuple):
    """Whose record it is: how it is told, and how it is read (None = left out, and told)."""

    name: str
    knows: Callable[[object], bool]
    read: Callable[[object, int, Repairs], Record | _Tagged | None]


# --- reading -----------------------------------------------------------------------------


def read_annotations(data: bytes) -> FormatResult:
    """Read JSON or JSON Lines of any tool in `TOOLS`. Raises UploadError where no record can be read."""
    repairs = Repairs()
    text, encoding = decode(data, repairs, keeps_returns=True)
    del data
    tools: Counter[str] = Counter()
    with without_collector():
        found, first, n_values, shared = [], None, 0, {}  # shared: one string for each distinct word
        for line, value in _unwrap(each_value(text, repairs)):
            first, n_values = first or (line, value), n_values + 1
            if record := _read_record(value, line, tools, repairs):
                if isinstance(record, _Tagged):
                    record.words = list(map(shared.setdefault, record.words, record.words))
                    record.tags = list(map(shared.setdefault, record.tags, record.tags))
                found.append(record)
        del text
        sentences, scheme = _to_sentences(found, repairs)
    if not sentences:
        line, value = first or (1, None)
        why = "; ".join(note.what for note in repairs.notes) or "there is none"
        raise refuse(f"no record with gold entities in {n_values:,}: {why}", f"{_shape(value)} in line {line}", _MEND)
    names = " and ".join(name for name, _ in tools.most_common())
    return FormatResult(sentences, ", ".join(filter(None, (names, encoding, scheme))), repairs.notes)


def _unwrap(values: Iterable[tuple[int, object]]) -> Iterator[tuple[int, object]]:
    """Open the one object around all records that some tools write: {"classes": [...], "annotations": [...]}."""
    for line, value in values:
        inner = value.get("annotations") if isinstance(value, dict) and "classes" in value else None
        yield from [(line, record) for record in inner if record] if isinstance(inner, list) else [(line, value)]


def _read_record(value: object, line: int, tools: Counter, repairs: Repairs) -> Record | _Tagged | None:
    tool = next((tool for tool in TOOLS if tool.knows(value)), None)
    if tool is None:
        repairs.add("record without a text, left out", line)
        return None
    record = tool.read(value, line, repairs)
    if record is not None:
        tools[tool.name] += 1
        record.meta = _beside(value, record.meta, line, repairs)
    return record


def _beside(
    value: object, meta: tuple[tuple[str, str], ...], line: int, repairs: Repairs
) -> tuple[tuple[str, str], ...]:
    """`meta` with the part and the genre that stand beside a record's text, where it has none of its own.

    >>> _beside({"part": "Training", "genre": "news"}, (), 1, Repairs())
    (('part', 'train'), ('genre', 'news'))
    """
    if not isinstance(value, dict):
        return meta
    own, found = dict(meta), []
    if (part := value.get("part")) is not None and "part" not in own:
        name = part.strip().casefold() if isinstance(part, str) else ""
        name = _LONG_PARTS.get(name, name)
        if name in PART_NAMES:
            found.append(("part", name))
        else:
            repairs.add("part that is none of train, dev and test, not read", line)
    genre = value.get("genre")
    if isinstance(genre, str) and genre.strip() and "genre" not in own:
        found.append(("genre", genre))
    return (*clean_meta(found, line, repairs), *meta)


def _to_sentences(found: list, repairs: Repairs) -> tuple[tuple[Sentence, ...], str]:
    """Records -> sentences in their order, and the scheme of tags where there are some."""
    places: dict[bool, list[int]] = {True: [], False: []}
    for place, record in enumerate(found):
        places[isinstance(record, _Tagged)].append(place)
    both: list[Sentence | None] = [None] * len(found)
    records = [found[place] for place in places[True]]
    marked = iter([found[place] for place in places[False]])
    found.clear()  # the iterator alone holds them now, and lets them go
    for place, sentence in zip(places[False], marks_to_sentences(marked, repairs), strict=True):
        both[place] = sentence
    tagged, scheme = _tagged_to_sentences(records, repairs)
    for place, sentence in zip(places[True], tagged, strict=True):
        both[place] = sentence
    return tuple(sentence for sentence in both if sentence is not None), scheme


def _tagged_to_sentences(records: list[_Tagged], repairs: Repairs) -> tuple[tuple[Sentence, ...], str]:
    if not records:
        return (), ""
    columns, lines = Columns(), array("I")
    for record in records:
        columns.starts.append(len(columns.words))
        columns.metas[len(columns.words)] = record.meta
        columns.words += record.words
        columns.tags += record.tags
        lines.extend([record.line] * len(record.words))
    columns.lines = lines
    return to_sentences(columns, repairs)


def _shape(value: object) -> str:
    """A record in a few words.

    >>> _shape({"id": 1, "body": "Ada"})
    "an object with the keys 'id, body'"
    """
    if isinstance(value, dict):
        return f"an object with the keys {shorten(', '.join(map(str, value)))}"
    return shorten(json.dumps(value))


# --- one function a tool -------------------------------------------------------------------


def _read_spacy(value: list, line: int, repairs: Repairs) -> Record | None:
    """["Ada left.", {"entities": [[0, 3, "per"]]}]"""
    given = value[1].get("entities") if isinstance(value[1], dict) else value[1]
    return _record(value[0], given, line, repairs)


def _read_label_studio(value: dict, line: int, repairs: Repairs) -> Record | None:
    """{"data": {"text": ...}, "annotations": [{"result": [{"value": {"start", "end", "text", "labels"}}]}]}"""
    texts = {key: text for key, text in value["data"].items() if isinstance(text, str)}
    text = texts.get("text", max(texts.values(), key=len, default=None))
    answers = [
        answer for answer in _listed(value, line, repairs, "annotations", "completions") if isinstance(answer, dict)
    ]
    kept = [answer for answer in answers if not answer.get("was_cancelled")]
    if len(kept) < len(answers):
        repairs.add("cancelled annotation, left out", line, len(answers) - len(kept))
    if not kept:
        repairs.add("task without an annotation, left out", line)
        return None
    if len(kept) > 1:
        repairs.add("task annotated several times, the first kept", line)
    results = _listed(kept[0], line, repairs, "result")
    values = [result["value"] for result in results if isinstance(result, dict) and "value" in result]
    marks = [each for each in values if isinstance(each, dict) and ("start" in each or "labels" in each)]
    if len(marks) < len(values):
        repairs.add("answer that marks no words, left out", line, len(values) - len(marks))
    return _record(text, marks, line, repairs, meta=value.get("meta"))


def _read_dataturks(value: dict, line: int, repairs: Repairs) -> Record | None:
    """{"content": ..., "annotation": [{"label": ["per"], "points": [{"start": 0, "end": 2, "text": "Ada"}]}]}"""
    marks = []
    for each in _listed(value, line, repairs, "annotation"):
        points = _listed(each, line, repairs, "points") if isinstance(each, dict) else []
        if not points:
            repairs.add("entity without a start and an end, left out", line)
        for point in points:
            mark = _mark({**point, "label": each.get("label")}, line, repairs) if isinstance(point, dict) else None
            if mark and isinstance(mark.end, int):
                mark = mark._replace(end=mark.end + 1)  # inclusive in the file
            marks.append(mark or Mark(None, None, None))
    return _record(value["content"], marks, line, repairs)


def _read_tagged(value: dict, line: int, repairs: Repairs) -> _Tagged | None:
    """{"tokens": ["Ada", "left"], "ner_tags": ["B-per", "O"]}"""
    words, tags = _pair(value)
    for key in _TAG_KEYS:
        if isinstance(value.get(key), list) and len(value[key]) == len(words) and value[key] != tags:
            repairs.add(f"second list of tags, {key}, not read", line)
    if n_numbers := sum(type(word) is int for word in words):
        repairs.add("number among the words, read as the word it is written as", line, n_numbers)
        words = [str(word) if type(word) is int else word for word in words]
    if any(isinstance(tag, int) for tag in tags):
        received = shorten(json.dumps(tags))
        raise refuse(f"the tags in line {line} are numbers without names", received, "give tags such as B-per and O")
    if len(words) != len(tags):
        repairs.add("record with more words than tags or fewer, left out", line)
        return None
    if not all(isinstance(each, str) for each in (*words, *tags)):
        repairs.add("record whose words or tags are no text, left out", line)
        return None
    rows = [(clean_text(word, line, repairs), clean_text(tag, line, repairs)) for word, tag in zip(words, tags)]  # noqa: B905
    filled = [(word, tag.strip()) for word, tag in rows if word.strip()]
    if len(filled) < len(rows):
        repairs.add("empty word left out", line, len(rows) - len(filled))
    if not filled:
        repairs.add("record without a word, left out", line)
        return None
    return _Tagged([word for word, _ in filled], [tag for _, tag in filled], line, _meta(value, line, repairs))


def _read_prodigy(value: dict, line: int, repairs: Repairs) -> Record | None:
    """{"text": ..., "tokens": [...], "spans": [{"start", "end", "label"}], "answer": "accept"}"""
    answer = value.get("answer", "accept")
    if answer != "accept":
        known = answer if answer in ("reject", "ignore") else "other than accept"
        repairs.add(f"record with the answer {known}, left out: only accept is gold", line)
        return None
    return _record(value["text"], value.get("spans"), line, repairs, value.get("tokens"), value.get("meta"))


def _read_ours(value: dict, line: int, repairs: Repairs) -> Record | None:
    """{"text": ..., "tokens": [{"text", "start", "end"}], "entities": [{"start", "end", "label"}], "meta": {}}"""
    return _record(value["text"], value["entities"], line, repairs, value.get("tokens"), value.get("meta"))


def _read_doccano(value: dict, line: int, repairs: Repairs) -> Record | None:
    """{"text": ..., "label": [[0, 3, "per"]]}, or "labels"; or "entities", "annotations" with start_offset"""
    text = value.get("text", value.get("data"))
    if isinstance(value.get("label"), str):
        repairs.add("label of a whole text, left out", line)
        return _record(text, None, line, repairs, meta=value.get("meta"))
    marks = _listed(value, line, repairs, "label", "labels", "entities", "annotations")
    users = list(dict.fromkeys(str(mark["user"]) for mark in marks if isinstance(mark, dict) and "user" in mark))
    if len(users) > 1:
        mine = [m for m in marks if not isinstance(m, dict) or str(m.get("user", users[0])) == users[0]]
        repairs.add("entity marked by another user, left out: the first user's are kept", line, len(marks) - len(mine))
        marks = mine
    return _record(text, marks, line, repairs, meta=value.get("meta", value.get("metadata")))


def _read_text(value: dict, line: int, repairs: Repairs) -> Record | None:
    return _record(value["text"], None, line, repairs, meta=value.get("meta"))


def _has(*keys: str) -> Callable[[object], bool]:
    """A test: is it an object with all these keys?"""
    return lambda value: isinstance(value, dict) and all(key in value for key in keys)


def _is_spacy(value: object) -> bool:
    is_pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
    return is_pair and isinstance(value[1], (dict, list))


def _is_label_studio(value: object) -> bool:
    return (
        _has("data")(value) and isinstance(value["data"], dict) and ("annotations" in value or "completions" in value)
    )


def _is_prodigy(value: object) -> bool:
    return _has("text")(value) and any(key in value for key in ("answer", "spans", "_input_hash", "_task_hash"))


def _is_ours(value: object) -> bool:
    entities = value.get("entities") if _has("text", "entities")(value) else None
    is_list = isinstance(entities, list) and all(isinstance(each, dict) and "start" in each for each in entities)
    return is_list and (bool(entities) or "tokens" in value)


def _is_doccano(value: object) -> bool:
    is_text = isinstance(value, dict) and ("text" in value or isinstance(value.get("data"), str))
    return is_text and any(key in value for key in ("label", "labels", "entities", "annotations"))


TOOLS = (
    Tool("spaCy training JSON", _is_spacy, _read_spacy),
    Tool("Label Studio JSON", _is_label_studio, _read_label_studio),
    Tool("DataTurks JSON", _has("content", "annotation"), _read_dataturks),
    Tool("JSON with a tag a word", lambda value: _pair(value) is not None, _read_tagged),
    Tool("Prodigy JSON", _is_prodigy, _read_prodigy),
    Tool("NER Lab JSON", _is_ours, _read_ours),
    Tool("doccano JSON", _is_doccano, _read_doccano),
    Tool("JSON with texts alone", _has("text"), _read_text),
)


# --- what they share -------------------------------------------------------------------------


def _record(text, given, line: int, repairs: Repairs, tokens=None, meta=None) -> Record | None:
    """A record of plain parts, whatever stood in the file."""
    if not isinstance(text, str) or not text.strip():
        repairs.add("record without a text, left out", line)
        return None
    if given is not None and not isinstance(given, list):
        repairs.add(_NO_LIST, line)
    marks = [_mark(each, line, repairs) for each in given] if isinstance(given, list) else []
    return Record(text, marks, line, _given_tokens(tokens), _meta({"meta": meta}, line, repairs))


def _mark(given: object, line: int, repairs: Repairs) -> Mark:
    """[0, 3, "per"] or {"start": 0, "end": 3, "label": "per"}, under any of the tools' names for these."""
    if isinstance(given, Mark):
        return given
    if isinstance(given, list) and len(given) >= 3:
        return Mark(*given[:3])
    if not isinstance(given, dict):
        return Mark(None, None, None)
    start, end, label = (next((given[key] for key in keys if key in given), None) for keys in (_STARTS, _ENDS, _LABELS))
    if isinstance(label, list):
        if len(label) > 1:
            repairs.add("several labels on one entity, the first kept", line)
        label = label[0] if label else None
    return Mark(start, end, label, given.get("text"))


def _given_tokens(tokens: object) -> list[Mark] | None:
    if not isinstance(tokens, list) or not tokens or not all(isinstance(token, dict) for token in tokens):
        return None
    return [Mark(token.get("start"), token.get("end"), None, token.get("text")) for token in tokens]


def _pair(value: object) -> tuple[list, list] | None:
    """The words and the tags of a record that has one tag a word; None for another."""
    if not isinstance(value, dict):
        return None
    words = next((value[key] for key in _WORD_KEYS if isinstance(value.get(key), list)), None)
    lists = [value[key] for key in _TAG_KEYS if isinstance(value.get(key), list)]
    tags = lists[0] if len(lists) == 1 else max(lists, key=_count_tags, default=None)  # of equal ones the first
    if not words or tags is None or not any(isinstance(word, (str, int)) for word in words):
        return None
    return words, tags


def _count_tags(tags: list) -> int:
    """How many entries look like tags.

    >>> _count_tags(["B-per", "O", "noun", 3])
    2
    """
    return sum(isinstance(tag, str) and bool(_TAG.fullmatch(tag)) for tag in tags)


def _listed(value: dict, line: int, repairs: Repairs, *keys: str) -> list:
    """The first of `keys` that holds a list; [] without one, told where they hold something else."""
    given = [value[key] for key in keys if value.get(key) is not None]
    lists = [each for each in given if isinstance(each, list)]
    if given and not lists:
        repairs.add(_NO_LIST, line)
    return lists[0] if lists else []


def _meta(value: dict, line: int, repairs: Repairs) -> tuple[tuple[str, str], ...]:
    """The plain values of "meta", as pairs of text that every form can hold."""
    meta = value.get("meta")
    pairs = meta.items() if isinstance(meta, dict) else meta if isinstance(meta, list) else ()
    found = []
    for pair in pairs:
        key, held = pair if isinstance(pair, (list, tuple)) and len(pair) == 2 else ("", None)
        if isinstance(key, str) and isinstance(held, (str, int, float)):
            found.append((key, str(held)))
        elif held is not None:
            repairs.add("meta that is no plain value, left out", line)
    return clean_meta(found, line, repairs)
