"""What a fuzzer starts from: small whole files of every form, and the words of each form.

`SEEDS[reader]` are files as `targets.TARGETS[reader]` takes them; `WORDS[reader]` become the fuzzer's dictionary.
"""

from __future__ import annotations

import json
from pathlib import Path

from ner_core.data.formats.docbin import write_docbin
from ner_core.data.formats.jsonl import write_jsonl
from ner_core.records import Sentence, Span

DATA = Path(__file__).parents[1] / "data"
ADA = "Ada Lovelace lives in London."
SENTENCES = (
    Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo"))),
    Sentence(("#", "1", "café", "😀", "New York"), (Span(4, 5, "geo"),), meta=(("genre", "news"),)),
    Sentence(("Ada", "left", "."), (Span(0, 1, "per"),), "  Ada\tleft. ", (2, 6, 10)),
)


def _bounds(start: int, end: int, label: str, **more) -> dict:
    return {"start": start, "end": end, "label": label, **more}


# One record of every tool that `annotations` knows.
RECORDS: tuple = (
    {"id": 7, "text": ADA, "label": [[0, 12, "per"], [22, 28, "geo"]], "meta": {"genre": "news"}},
    {"text": ADA, "entities": [{"start_offset": 0, "end_offset": 12, "label": "per"}], "relations": [], "Comments": []},
    {"text": ADA, "annotations": [{"start_offset": 0, "end_offset": 3, "label": 1, "user": 1}, {**_bounds(4, 12, "x"), "user": 2}]},
    {"text": ADA, "spans": [_bounds(0, 12, "per")], "answer": "accept", "_input_hash": 1,
     "tokens": [_bounds(0, 3, "", text="Ada"), _bounds(4, 29, "", text="Lovelace lives in London.")]},
    {"text": "😀 Ada left", "spans": [_bounds(3, 6, "per")], "answer": "reject"},
    json.loads(write_jsonl(SENTENCES[2:])),
    [ADA, {"entities": [[0, 12, "per"], [22, 28, "geo"], [4, 25, "org"]]}],
    {"content": ADA, "annotation": [{"label": ["per"], "points": [{"start": 0, "end": 11, "text": "Ada Lovelace"}]}], "extras": None},
    {"id": 1, "data": {"text": ADA, "url": "address"}, "annotations": [
        {"was_cancelled": True, "result": []},
        {"was_cancelled": False, "result": [{"value": {"start": 0, "end": 12, "text": "Ada Lovelace", "labels": ["per"]}}]}]},
    {"classes": ["per"], "annotations": [[ADA, {"entities": [[0, 3, "per"]]}], None]},
    {"tokens": ["Ada", "Lovelace", "lives"], "ner_tags": ["B-per", "I-per", "O"], "meta": [["genre", "news"]]},
    {"words": ["Ada", "lives"], "labels": ["per", "O"]},
    {"text": ADA},
)  # fmt: skip

_LONG = (
    b"Sentence #,Word,POS,Tag\nSentence: 1,Ada,NNP,B-per\n,Lovelace,NNP,I-per\n,lives,VBZ,O\nSentence: 2,Rome,,B-geo\n",
    b'sentence_id;token;ner\r\n1;Ada;B-per\r\n1;"a ""b""";O\r\n2;x;O\r\n',
    b"\tsentence_idx\tword\ttag\tmeta.genre\n0\t1\tAda\tB-per\tnews\n1\t1\truns\tO\t\n",
)
_ROWS = (
    b"Sentence #,Sentence,POS,Tag\nSentence: 1,Ada lives,\"['NNP', 'VBZ']\",\"['B-per', 'O']\"\n2,x,['N'],['O']\n",
    b"text,labels\nAda runs,B-per O\nRome,B-geo\n",
    b";tokens;ner_tags\n0;['Ada' \"r\\u00fcns\"];['B-per' 'O']\n",
    b'sentence,word_labels\nAda runs,"B-per,O"\n',
)
_CONLL = (
    b"Ada\tB-per\nLovelace\tI-per\nlives\tO\n\nLondon\tB-geo\n.\tO\n",
    b"-DOCSTART- -X- -X- O\n\nAda NNP B-NP I-PER\nLovelace NNP I-NP I-PER\n\n# a b O\n",
    b"# genre = news\n# id = 1\nAda\tS-per\nis\tO\n\n# genre = chat\nNew York\tB-geo\nTimes\tE-geo\n",
    b"O what\nB-ACTOR ada\nI-ACTOR lovelace\n\nO x\n",
    b"word\ttag\r\nAda\tper\r\nx\tO\r\n",
    b"# id 1 domain=en\nAda _ _ B-PER\n\n# id 2 domain=en\nx _ _ O\n",
)
_CONLLU = (
    b"# newdoc id = d1\n# sent_id = a\n# text = Ada\n1-2\tAdas\t_\t_\t_\t_\t_\t_\t_\t_\n"
    b"1\tAda\ta\tP\t_\t_\t0\troot\t_\tNE=B-PER|SpaceAfter=No\n2\ts\ts\tP\t_\t_\t1\tobj\t_\tNE=I-PER\n"
    b"2.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n\n1\t#\t#\tS\t_\t_\t0\troot\t_\t_\n",
    b"# sent_id = a\n# text = Ada runs\n1\tAda\tB-PER\t-\tme\n2\truns\tO\t-\tme\n\n# sent_id = b\n1\tx\tO\t-\tme\n",
    b"# t [2009]\n1\tDie\tO\tO\n2\tLondon\tB-ORG\tB-LOC\n\n1\t#\tO\tO\n2\tAda\tB-PER\tO\n",
)
_PLAIN = (
    b"Ada lives in London.\nShe writes.\n",
    "Ada’s café… 😀 U.S. (x)!!\r\n\r\nal-Qaida\u00a0#tag\u2028x.".encode(),
    b"a\rb c.\r",
)
_JSON = tuple(json.dumps(record).encode() for record in RECORDS)
_LISTS = (
    b'[\n{"text": "Ada"},\n{"text": "Bob"},\n]',
    b'{"text": "Ada",}\n{"text": NaN, "text": 1}\n{"text":',
    b'{"a": [1, 2.5, -3e7, "\\u00e9\\ud83d"]}\n\n[1]',
    json.dumps(list(RECORDS[:3]), indent=1).encode(),
)
_FILES = {path.name: path.read_bytes()[:4_000] for path in sorted(DATA.iterdir()) if path.is_file()}


def _named(name: str, data: bytes) -> bytes:
    """A file as the target `door` takes it: the length of its name, its name, its bytes."""
    return bytes([len(name.encode())]) + name.encode() + data


SEEDS: dict[str, tuple[bytes, ...]] = {
    "kaggle": (*_LONG, _FILES["ner_dataset.csv"], _FILES["ner.csv"]),
    "sentence_rows": _ROWS,
    "conll": (*_CONLL, _FILES["conll2003.txt"], _FILES["mit_movie.tsv"], _FILES["newsroom_like.conll"]),
    "conllu": (*_CONLLU, _FILES["germeval.tsv"]),
    "json_lines": (*_LISTS, b"\n".join(_JSON[:3])),
    "annotations": (*_JSON, *_LISTS, *(bytes([0, number, 4, 3, 1, 2, 2, 1, 9]) for number in range(len(RECORDS)))),
    "jsonl": (write_jsonl(SENTENCES).encode(), *(bytes([0, number, 3, 1, 2, 1, 1, 4]) for number in range(3))),
    "docbin": (b"\x01" + write_docbin(SENTENCES[:1]), *(bytes([0, number, 2, 1, 1, 1, 1]) for number in range(4))),
    "plain": _PLAIN,
    "decoding": (
        *_PLAIN, "caf\u00e9 \u2026".encode("cp1252"), "Ada".encode("utf-16"), "Ada".encode("utf-16-be"), b"\xef\xbb\xbfAda",
        *(bytes([kind]) + b"Ada lives" * 3 for kind in range(1, 6)), "é€😀 é\xff".encode() + b"\xff\xfe",
    ),
    "door": tuple(
        _named(*pair)
        for pair in (
            ("a.csv", _LONG[0]), ("../b.csv", _ROWS[0]), ("C:\\x\\c.conll", _CONLL[0]), ("d", _CONLLU[0]), ("e.jsonl", _JSON[0]),
            ("f.txt.gz", _PLAIN[0]), ("", _CONLL[2]), ("g.spacy", write_docbin(SENTENCES)), (".", _LISTS[0]),
        )
    ),
    "store": (b"", *(bytes([part, 3, 1, 2, 3, 4, 5, 6]) for part in range(8)), b"\x05{}", b"\x07{\"version\": 1}"),
}  # fmt: skip

_TAGS = ["O", "B-per", "I-per", "B-geo", "E-per", "S-per", "L-x", "U-x", "b_per", "B-a,B-b", "per", "-DOCSTART-"]
_ENDS = ["\n", "\r\n", "\r", "\t", " ", "\u00a0", "\u2028", "\x85", "\x0b", "\x1c", "\ufeff", "\ufffd", "é", "😀"]
_KEYS = [
    "text", "data", "content", "label", "labels", "entities", "entity", "annotations", "annotation", "completions", "result",
    "value", "start", "end", "start_offset", "end_offset", "begin", "stop", "tokens", "words", "ner_tags", "tags", "ner", "tag",
    "type", "points", "spans", "answer", "accept", "reject", "ignore", "meta", "metadata", "user", "was_cancelled", "classes",
    "_input_hash", "_task_hash", "id",
]  # fmt: skip
_MODEL = [
    "version", "files", "format", "card", "temperature", "encoder", "config", "max_length", "network", "layers", "kind", "name",
    "width", "rate", "recurrent_rate", "activation", "kernel_size", "features", "sizes", "n_tags", "is_masked", "words", "tags",
    "forbids_illegal", "feature_values", "word", "embed", "conv", "bilstm", "lstm", "dense", "crf", "softmax", "dropout", "keras text",
    "keras lists", "pieces", "none", "pre", "first tag", "last word", "lower", "shape", "suffix2", "prefix3", "relu", "O",
]  # fmt: skip

WORDS: dict[str, list[str]] = {
    "kaggle": [*_TAGS, *_ENDS, ",", ";", '"', '""', "Sentence #", "sentence_idx", "Word", "Tag", "POS", "meta.genre", "Sentence: 1"],
    "sentence_rows": [*_TAGS, *_ENDS, ",", ";", '"', "['O', 'O']", "['", "']", "Sentence", "Tag", "tokens", "text", "\\u00e9", "\\N{"],
    "conll": [*_TAGS, *_ENDS, "# genre = news", "# ", "#", "word", "tag", "-X- "],
    "conllu": [*_TAGS, *_ENDS, "# text = ", "# sent_id = ", "NE=B-PER", "|", "1-2", "1.1", "1\t", "2\t", "_", "name="],
    "json_lines": [*_KEYS, "{", "}", "[", "]", '"', ",", ":", "\\ud83d", "NaN", "Infinity", "null", "true", "1e999", "[[[["],
    "annotations": [*_KEYS, "{", "}", "[", "]", '"', ",", ":", "\\ud83d", "null", "true"],
    "jsonl": [*_KEYS, "{", "}", "[", "]", '"', ",", ":"],
    "docbin": ["attrs", "tokens", "lengths", "strings", "spaces", "flags", "user_data", "cats", "version", "has_unknown_spaces", "meta"],
    "plain": [*_ENDS, "U.S.", "...", "'s", "n't", "http://", ":)", "(", "”", "!!"],
    "decoding": [*_ENDS, "\x1f\x8b", "BZh", "PK\x03\x04", "PK\x05\x06", "ner_dataset.csv", "__MACOSX/", "[Content_Types].xml"],
    "door": [*_TAGS, *_ENDS, "Sentence #,Word,POS,Tag", "Sentence,Tag", '{"text": ', "[{", "# text = ", ".gz", ".zip"],
    "store": _MODEL,
}  # fmt: skip
