"""A model measured on one part of a corpus: predicted once, in chunks, then counted in every way the page asks for.

Use: `setting = Setting(model, tagger, corpus_id, corpus, part)`, `evaluation = find(setting)`; where that is None,
`for share in predict_in_chunks(setting): ...` and `find(setting)` again. `judge(setting)` says what the
model had learned of these sentences.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import streamlit as st

from ner_core.data.tags import spans_to_tags
from ner_core.records import Corpus, Prediction, Report, Sentence, Tagger
from ner_core.scores.calibration import N_BINS, Bin, outcomes, reliability
from ner_core.scores.floors import floors
from ner_core.scores.honesty import Judgement
from ner_core.scores.report import Claim, Confusion, confusion, evaluate, report_to_dict, score_wall
from ner_core.scores.tokens import TokenReport, token_report
from pages._ui import loading

CHUNK = 200  # sentences predicted between two looks at the progress bar
SPANS_A_BIN = 20  # marked names a point of the chart stands for, at least
KEPT = 3  # evaluations kept for all sessions


@dataclass(frozen=True)
class Setting:
    """What is measured: a model on a part of a corpus, dealt into parts as the corpus or the tutorial does."""

    model: loading.Model
    tagger: Tagger
    corpus_id: str
    corpus: Corpus
    part: str

    @property
    def key(self) -> tuple:
        """What decides the answer; the stored model may be replaced while the page is open."""
        return str(self.model.folder), self.model.saved, self.corpus_id, self.corpus.split, self.part

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        return self.corpus.part(self.part)


@dataclass
class Evaluation:
    """Predictions for one part, and everything counted from them (each once)."""

    predictions: list[Prediction]
    train: tuple[Sentence, ...]
    sentences: tuple[Sentence, ...]
    labels: tuple[str, ...]
    pad_to: int
    padding_tag: str
    seconds: float
    _token_reports: dict = field(default_factory=dict)

    @cached_property
    def report(self) -> Report:
        return evaluate(self.predictions, train=self.train, pad_to=self.pad_to)

    @cached_property
    def floors(self) -> tuple[Report, Report]:
        return floors(self.train, self.sentences, pad_to=self.pad_to)

    @cached_property
    def confusion(self) -> Confusion:
        return confusion(self.predictions, self.labels)

    @cached_property
    def wall(self) -> dict[str, Claim]:
        return score_wall(self.predictions, pad_to=self.pad_to)

    @cached_property
    def gold_tags(self) -> list[tuple[str, ...]]:
        return [spans_to_tags(p.gold, len(p.tokens)) for p in self.predictions]

    @cached_property
    def sureness(self) -> list[Bin]:
        """What the model says of how sure it is, beside how often it is right; [] where too few names are marked."""
        n_bins = min(N_BINS, sum(len(p.spans) for p in self.predictions) // SPANS_A_BIN)
        return reliability(*outcomes(self.predictions), n_bins=n_bins) if n_bins > 1 else []

    @property
    def padding(self) -> tuple[int, int]:
        """Padding cells and how many of them were tagged as padding."""
        n_tokens, n_right = self.report.n_tokens, self.report.n_tokens_right
        return self.report.n_cells - n_tokens, self.report.n_cells_right - n_right

    def token_report(self, *, with_o: bool, with_padding: bool) -> TokenReport:
        """The report that tutorials print, with and without what flatters it."""
        key = with_o, with_padding
        if key not in self._token_reports:
            self._token_reports[key] = token_report(
                self.gold_tags,
                [p.tags for p in self.predictions],
                with_o=with_o,
                padding=self.padding if with_padding else (0, 0),
                padding_tag=self.padding_tag,
            )
        return self._token_reports[key]

    def as_json(self, setting: Setting) -> bytes:
        """The report for a file: counts first, then the numbers derived from them."""
        plain = {
            "model": setting.model.title,
            "recipe": setting.tagger.card.get("recipe"),
            "corpus": setting.corpus.name,
            "split": setting.corpus.split,
            "part": setting.part,
            "entity": {"precision": self.report.precision, "recall": self.report.recall, "f1": self.report.f1},
            "counts": report_to_dict(self.report),
            "confusion": {"labels": self.confusion.labels, "gold by predicted": self.confusion.table},
            "claims": {
                key: {"value": claim.value, "n": claim.n, "unit": claim.unit} for key, claim in self.wall.items()
            },
            "floors": {
                name: report_to_dict(report)
                for name, report in zip(("all_o", "most_frequent_tag"), self.floors, strict=True)
            },
        }
        return json.dumps(plain, indent=1, ensure_ascii=False, default=str).encode()


@st.cache_resource
def _kept() -> dict[tuple, Evaluation]:
    """Evaluations of all sessions, the last few; a class that measures one model does so once."""
    return {}


def find(setting: Setting) -> Evaluation | None:
    """The evaluation, where it has been done."""
    return _kept().get(setting.key)


def predict_in_chunks(setting: Setting) -> Iterator[float]:
    """Predict the part, yielding the share that is done; the evaluation is then found by `find`."""
    from ner_core.tagger.predict import predict

    started, sentences, predictions = time.monotonic(), setting.sentences, []
    for start in range(0, len(sentences), CHUNK):
        predictions += predict(setting.tagger, sentences[start : start + CHUNK])
        yield min(1.0, (start + CHUNK) / len(sentences))
    encoder = setting.tagger.encoder
    kept = _kept()
    for old in list(kept)[: max(0, len(kept) - KEPT + 1)]:
        kept.pop(old, None)
    kept[setting.key] = Evaluation(
        predictions,
        setting.corpus.train,
        sentences,
        setting.corpus.labels,
        encoder.max_length or max(map(len, setting.corpus.sentences), default=0),
        encoder.tags[encoder.pad_tag_id] if not encoder.config.is_masked else "O",
        time.monotonic() - started,
    )


def judge(setting: Setting) -> Judgement:
    """How far these figures can be believed; looked up once for all sessions."""
    return _judge(setting.key, setting)


@st.cache_resource(max_entries=64, show_spinner="Comparing with what the model has learned from")
def _judge(key: tuple, _setting: Setting) -> Judgement:
    from ner_core.scores import honesty

    return honesty.judge(_setting.tagger.card, _setting.corpus, _setting.part)


@st.cache_resource(max_entries=4, show_spinner="Dealing the sentences as the tutorial does")
def deal_as_tutorial(corpus_id: str, recipe_name: str, _corpus: Corpus) -> Corpus:
    """The corpus in the parts that the published recipe makes of it."""
    from ner_core.tagger.recipes import deal, recipe

    return deal(_corpus, recipe(recipe_name, published=True))
