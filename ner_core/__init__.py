"""NER Lab's book: Named Entity Recognition from a file to a highlighted sentence.

Read the chapters in the order of `CHAPTERS`. A part is a folder; a chapter imports only
chapters before it, and none imports Streamlit. `import ner_core` itself is light: the names
below are loaded when first used, and only `training` (and the chapters it needs, `crf`,
`lookup`, `lstm` and `networks`) ever loads TensorFlow.
"""

from importlib import import_module

CHAPTERS = (
    # 0. the nouns
    "records",
    # I. from files to sentences
    "data.text",
    "data.tags",
    "data.strict",
    "data.formats.decoding",
    "data.formats.tables",
    "data.formats.kaggle",
    "data.formats.conllu",
    "data.formats.conll",
    "data.formats.json_lines",
    "data.formats.marks",
    "data.formats.plain",
    "data.formats.sentence_rows",
    "data.formats.annotations",
    "data.formats.jsonl",
    "data.formats.docbin",
    "data.corpus",
    "data.columns",
    "data.statistics",
    "data.mentions",
    "data.side_by_side",
    "data.download",
    "data.catalogue",
    # II. from sentences to predictions
    "tagger.encode",
    "tagger.crf",
    "tagger.lookup",
    "tagger.lstm",
    "tagger.networks",
    "tagger.ours",
    "tagger.tutorials",
    "tagger.gmb_tutorials",
    "tagger.recipes",
    "tagger.forward",
    "tagger.predict",
    "tagger.archive",
    "tagger.store",
    # III. how good is it
    "scores.strict",
    "scores.tokens",
    "scores.errors",
    "scores.report",
    "scores.floors",
    "scores.honesty",
    "scores.comparison",
    "scores.calibration",
    # IV. from corpus to tagger
    "training.augment",
    "training.compose",
    "training.batches",
    "training.adam",
    "training.steps",
    "training.trend",
    "training.machine",
    "training.train",
    "training.event_log",
    "training.runs",
    "training.keeping",
    "training.checkpoints",
    "training.snapshots",
    "training.tensorboard",
    "training.recordings",
    "training.people",
    "training.classroom",
    "training.places",
    "training.wishes",
    "training.best_epoch",
    "training.worker",
    "training.cluster",
    "training.jobs",
    "training.sweep",
    "training.waiting",
    # V. showing
    "show.highlight",
    "show.export",
    # VI. from a terminal
    "commands.terminal",
    "commands.corpora",
    "commands.taggers",
    "commands.trainings",
)

# Public name -> the chapter it lives in.
_NAMES = {
    "load_corpus": "data.corpus",
    "recipe": "tagger.recipes",
    "new_tagger": "tagger.recipes",
    "predict": "tagger.predict",
    "save_tagger": "tagger.store",
    "load_tagger": "tagger.store",
    "evaluate": "scores.report",
    "train": "training.train",
    "to_html": "show.highlight",
    "TrainConfig": "records",
    "EpochDone": "records",
    "StepDone": "records",
    "Sentence": "records",
    "Span": "records",
}

__all__ = ["CHAPTERS", *_NAMES]


def __getattr__(name: str):
    if name in _NAMES:
        return getattr(import_module(f"ner_core.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'ner_core' has no attribute {name!r}")
