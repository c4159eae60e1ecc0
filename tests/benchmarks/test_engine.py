"""`make bench`: its arithmetic, its other systems, its report, and one run of each system on sixty sentences."""

import doctest
import json
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

from benchmarks import engine, engine_data, engine_ours, engine_report, engine_speed, others
from ner_core.data.corpus import load_corpus
from ner_core.records import Counts, EpochDone, Layer, NetworkConfig, Report, Sentence, Span, SplitConfig, StepDone
from ner_core.tagger.recipes import new_tagger, recipe, resize

TINY = replace(
    engine_data.QUICK,
    n_train=60,
    n_dev=20,
    n_test=20,
    seconds=dict.fromkeys(engine_data.QUICK.seconds, 2),
    iterations=(2, 5),
)


@pytest.fixture(scope="module")
def corpus():
    return engine_data.cut(load_corpus(), TINY)


@pytest.mark.parametrize("module", [engine_data, engine_ours, engine_report, engine_speed, others])
def test_examples_in_the_docstrings(module):
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


# --- arithmetic ------------------------------------------------------------------------------


def network(*layers, n_tags=3, **options):
    return NetworkConfig(layers, sizes=(("word", 100), ("lower", 50)), n_tags=n_tags, **options)


EMBED = Layer("embed", "embed", width=4, features=(("lower", 2),))  # 6 numbers a token, no arithmetic


def test_flops_counted_by_hand():
    stack = network(
        EMBED,
        Layer("conv", "conv", width=5),  # 3 * 6 * 5 = 90
        Layer("bilstm", "bilstm", width=7),  # 2 directions * 4 * 7 * (5 + 7) = 672
        Layer("dense", "dense"),  # 14 * 3 = 42
        Layer("crf", "crf"),  # 3 * 3 = 9
    )
    assert engine_ours.forward_flops(stack) == 2 * (90 + 672 + 42 + 9)
    assert engine_ours.training_flops(stack) == 6 * (90 + 672 + 42 + 9)


def test_every_member_of_a_committee_counts_and_look_ups_are_free():
    alone = network(EMBED, Layer("dense", "dense"), Layer("crf", "crf"))  # 18 + 9
    assert engine_ours.forward_flops(alone) == 2 * (18 + 9)
    assert engine_ours.forward_flops(replace(alone, others=2 * (alone.layers,))) == 2 * 3 * (18 + 9)


def test_dev_scoring_is_told_apart_from_training():
    steps = [StepDone(1, 1, 0.5, 1.0, 10), StepDone(2, 1, 0.5, 3.0, 10), StepDone(3, 2, 0.5, 6.0, 10)]
    empty = Report(Counts(), {})
    epochs = [EpochDone(1, 2, 5.0, 0, 0, 0, 0, empty, True), EpochDone(2, 3, 7.5, 0, 0, 0, 0, empty, True)]
    assert engine_ours.scoring_seconds(steps, epochs) == pytest.approx(2.0 + 1.5)


def test_sgemm_counts_two_operations_a_multiply_add(monkeypatch):
    ticks = iter(range(100))  # every product takes one second
    monkeypatch.setattr(engine_speed.time, "perf_counter", lambda: next(ticks))
    assert engine_speed.sgemm(8, 3) == pytest.approx(2 * 8**3 / 1e9)


# --- data ---------------------------------------------------------------------------------------


def test_raw_text_keeps_every_word():
    sentence = Sentence(("In", "the", "U.S.", ",", "he", "is", "n't", "paid", "$", "5", "(", "yet", ")", "."))
    text = engine_data.raw_text(sentence.words)
    assert text == "In the U.S., he isn't paid $5 (yet)."
    assert text.replace(" ", "") == "".join(sentence.words)


def test_raw_texts_hold_ten_sentences_each(corpus):
    texts = engine_data.raw_texts(corpus.train)
    assert len(texts) == 6
    assert "".join(texts).replace(" ", "") == "".join(w for s in corpus.train for w in s.words).replace(" ", "")


@pytest.mark.skipif(not (engine_data.CORPORA / "gmb").exists(), reason="needs GMB")
def test_the_split_is_the_one_every_figure_is_quoted_on():
    import numpy as np

    corpus = engine_data.load_part("gmb", engine_data.FULL)
    assert [len(corpus.train), len(corpus.dev), len(corpus.test)] == [34_531, 3_836, 9_592]
    in_file_order = SplitConfig(kind="grouped", test=0.0, dev=0.0)
    whole = load_corpus(engine_data.CORPORA / "gmb" / "ner_dataset.csv.xz", split=in_file_order).sentences
    drawn = np.random.RandomState(1).permutation(47_959)
    assert [s.words for s in corpus.test] == [whole[i].words for i in drawn[:9_592]]
    assert [s.words for s in corpus.dev] == [whole[i].words for i in drawn[9_592 : 9_592 + 3_836]]


def test_memory_is_told():
    assert engine_data.peak_mb() > 10 or sys.platform == "win32"


# --- the systems, on sixty sentences ------------------------------------------------------------------

FIGURES = ("f1", "precision", "recall", "dev_f1", "seconds", "startup", "curve", "train_tokens_a_second", "peak_mb")


def check(found):
    assert all(key in found for key in FIGURES)
    assert 0 <= found["f1"] <= 1 and found["seconds"] > 0 and found["train_tokens_a_second"] > 0
    json.dumps(found)  # it is stored as such


def test_ours_trains_is_stored_and_answers(corpus, tmp_path):
    base = resize(recipe("fast"), epochs=2, conv_width=16, word_width=16)
    job = {"system": "fast", "seed": 1, "corpus": "gmb"}
    began = time.perf_counter()
    found = engine_ours.train_one(base, corpus, job, TINY, tmp_path, began)
    check(found)
    assert found["n_trained_tokens"] > 0 and len(found["curve"]) == found["n_epochs"]
    assert found["train_flops_a_token"] == engine_ours.training_flops(new_tagger(corpus, base).network)
    assert not list(tmp_path.glob("*.npz"))
    ours = engine_speed.open_system("fast", tmp_path)
    assert engine_data.f1_of(corpus.test, ours.tag(corpus.test)) == found["f1"]
    with engine_speed.timed_parts() as seconds:
        ours.bulk(engine_data.raw_texts(corpus.test), 1)
    assert all(value > 0 for value in seconds.values()), seconds


def test_crfsuite_trains_and_answers(corpus, tmp_path, monkeypatch):
    pytest.importorskip("pycrfsuite")
    found = others.train_crfsuite_on(corpus, TINY, tmp_path, time.perf_counter())
    check(found)
    assert len(found["curve"]) == 2
    system = engine_speed.open_system("crfsuite", tmp_path)
    assert engine_data.f1_of(corpus.test, system.tag(corpus.test)) == found["f1"]
    assert isinstance(system.answer(engine_speed.FIRST), list)
    check_speed("crfsuite", tmp_path, monkeypatch)


def check_speed(system, folder, monkeypatch):
    """Every measurement of a trained system, on two hundred sentences."""
    given = engine_data.cut(load_corpus(), replace(TINY, n_test=200))
    monkeypatch.setattr(engine_speed, "load_part", lambda name, size: given)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)  # from another test: a measuring process has none
    job = {"system": system, "processes": 1}
    single = engine_speed.measure_single(job, TINY, folder)
    assert single["n_latencies"] > 0 and 0 < single["p50_ms"] <= single["p95_ms"]
    assert single["words_tokens_a_second"] > 0
    assert engine_speed.measure_bulk(job, TINY, folder)["bulk_tokens_a_second"] > 0
    loaded = engine_speed.measure_load(job, TINY, folder)
    assert 0 < loaded["load_seconds"] <= loaded["first_answer_seconds"]


def test_features_of_the_first_and_the_last_word():
    first, last = others.features(("NATO", "2005"))
    assert first[:7] == ["bias", "w=NATO", "l=nato", "p2=NA", "p3=NAT", "s2=TO", "s3=ATO"]
    assert first[7:] == ["upper", "BOS1", "+1l=2005", "+1digit", "BOS2", "EOS2"]
    assert last[7:] == ["digit", "-1l=nato", "-1upper", "EOS1", "BOS2", "EOS2"]


def test_spacy_trains_on_gold_words_and_answers(corpus, tmp_path, monkeypatch):
    found = others.train_spacy_on(corpus, 2.0, 1, tmp_path, time.perf_counter())
    check(found)
    assert found["ended"] == "time" and found["seconds"] >= 2
    system = engine_speed.open_system("spacy", tmp_path)
    assert engine_data.f1_of(corpus.test, system.tag(corpus.test)) == found["f1"]
    check_speed("spacy", tmp_path, monkeypatch)
    n_spans = [system.bulk(engine_data.raw_texts(corpus.test), n_processes) for n_processes in (1, 2)]
    assert n_spans[0] == n_spans[1]


def test_gold_words_keep_every_entity_for_spacy():
    import spacy

    sentence = Sentence(("Korean-born", "Ada"), (Span(0, 1, "gpe"), Span(1, 2, "per")))
    [example] = others.spacy_examples(spacy.blank("en"), [sentence])
    assert [(e.start, e.end, e.label_) for e in example.reference.ents] == [(0, 1, "gpe"), (1, 2, "per")]
    assert [token.text for token in example.predicted] == ["Korean-born", "Ada"]


# --- jobs -----------------------------------------------------------------------------------------------


def test_every_job_has_a_name_of_its_own_and_comes_after_its_model():
    jobs = engine.plan(engine_data.FULL, [1, 2, 3])
    names = [job.name for job in jobs]
    assert len(set(names)) == len(names)
    for place, job in enumerate(jobs):
        if job.kind in ("load", "single", "bulk", "parts"):
            assert job.model in names[:place], job.name
    assert names[0] == "sgemm" and names[-1] == "sgemm-2"


def test_a_stored_result_counts_only_if_it_was_asked_the_same(tmp_path):
    job = engine.Job("floors")
    asked = engine.asked_of(job, TINY, tmp_path)
    (tmp_path / "floors.json").write_text(json.dumps({"asked": asked}))
    assert engine.run_all([job], TINY, tmp_path) == []  # nothing is started
    assert engine.asked_of(job, engine_data.FULL, tmp_path) != asked
    ours = engine.Job("ours", "fast")
    assert engine.asked_of(ours, TINY, tmp_path)["recipe"] == engine_ours.digest("fast")


def test_a_job_that_fails_is_told_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "start", lambda job, *_: "exit 1: ValueError: no" if job.kind == "floors" else "")
    problems = engine.run_all([engine.Job("floors"), engine.Job("sgemm")], TINY, tmp_path)
    assert problems == ["floors: exit 1: ValueError: no"]


def test_the_machine_is_measured_in_a_process_of_its_own(tmp_path):
    problem = engine.start(engine.Job("sgemm"), engine_data.QUICK, tmp_path, {"asked": {}, "run": "x"})
    assert problem == ""
    assert engine.read_result(tmp_path, "sgemm")["gflops"] > 0


def test_an_unknown_system_is_refused():
    if not (engine_data.CORPORA / "gmb").exists():
        pytest.skip("needs GMB")
    command = [sys.executable, "-m", "benchmarks.engine", "--only", "nonsense"]
    ended = subprocess.run(command, cwd=engine.ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and "nonsense" in ended.stderr and "spacy" in ended.stderr


# --- the report -------------------------------------------------------------------------------------------


def canned(f1=0.84, speed=50_000, run="a"):
    """Results of every job of a full plan."""
    stored = {"run": run, "when": "2026-01-02 03:04:05", "load": 0.1}
    training = {
        "f1": f1,
        "precision": f1,
        "recall": f1,
        "dev_f1": f1,
        "seconds": 30.0,
        "startup": 9.0,
        "peak_mb": 900.0,
    }
    training |= {"curve": [(10.0, 0.80, 0.80), (30.0, f1, f1)], "train_tokens_a_second": speed, "gflops": 50.0}
    by_kind = {
        "sgemm": {"gflops": 200.0},
        "floors": {
            "parts": [34_531, 3_836, 9_592],
            "all_o": {"f1": 0.0, "token_accuracy": 0.8465},
            "table": {"f1": 0.707, "token_accuracy": 0.9479},
        },
        "load": {"load_seconds": 0.4, "first_answer_seconds": 0.9, "load_mb": 150.0},
        "single": {"p50_ms": 0.8, "p95_ms": 1.2, "words_tokens_a_second": 100_000.0},
        "bulk": {"bulk_tokens_a_second": 90_000.0},
        "parts": {"parts": {"tokenizing": 1.0, "scoring": 3.0}, "total": 4.0},
    }
    found = []
    for job in engine.plan(engine_data.FULL, [1, 2, 3]):
        result = dict(by_kind.get(job.kind, training))
        if job.system == engine_ours.PUBLISHED:
            result["train_tokens_a_second"] = 10_000
        if job.system in ("spacy", "crfsuite"):
            result.pop("gflops", None)
        if job.system == "spacy" and job.kind == "bulk":
            result["bulk_tokens_a_second"] = 10_000 + 2_000 * job.processes
        found.append((job, {**stored, **result}))
    return found


def row(text, start):
    return next(line for line in text.splitlines() if line.startswith(f"| {start}"))


def test_the_report_says_what_was_reached():
    text = engine_report.write_report(canned(), engine_data.FULL)
    assert "| 83.8 | 84.5 | 84.00 (84.00–84.00) | reached | spaCy 84.0 at 30 s, CRFsuite 84.0 at 30 s |" in row(
        text, "`fast`, 30 s"
    )
    assert "not reached" in row(text, "`bilstm-crf`, 150 s")
    assert "| 4x | 8x, half of SGEMM | 5.0x (5.0x–5.0x), 25% | reached |" in row(text, "`fast`: training tok/s")
    assert "spaCy 14,000 tok/s (`n_process=2`)" in row(text, "`fast`: raw text")
    assert "25 %" in row(text, "`fast` | 30 ")  # 50 of 200 GFLOP/s
    assert "34,531 / 3,836 / 9,592" in text and "All rows come from one run." in text
    assert "| `fast` | 4.00 | 25 % | 75 % |" in text


def test_the_report_says_where_rows_come_from_two_runs_and_what_is_missing():
    found = canned()
    found[0][1]["run"] = "b"
    text = engine_report.write_report(
        found[:5], engine_data.QUICK, problems=["spacy: exit 1: no"], missing=["bulk-fast"]
    )
    assert "from 2 runs" in text and "- Not measured: spacy: exit 1: no" in text and "bulk-fast" in text
    assert "A quick run" in text and "pictures/" not in text


def test_a_report_of_nothing_is_a_report():
    assert "Nothing has been measured" in engine_report.write_report([], engine_data.FULL)


def test_what_was_tried_stands_in_the_report_as_it_was_written(tmp_path, monkeypatch):
    tried = tmp_path / "tried.md"
    tried.write_text("## What was tried and did not help\n\nMagic: no gain.\n")
    monkeypatch.setattr(engine_report, "TRIED", tried)
    assert engine_report.write_report([], engine_data.FULL).endswith("did not help\n\nMagic: no gain.\n")


def test_plots_are_drawn_and_do_not_change_from_one_time_to_the_next(tmp_path):
    pytest.importorskip("matplotlib")
    first = [path.read_bytes() for path in engine_report.draw_plots(canned(), tmp_path)]
    assert all(data.lstrip().startswith(b"<?xml") for data in first)
    assert first == [path.read_bytes() for path in engine_report.draw_plots(canned(), tmp_path)]
    assert engine_report.draw_plots([], tmp_path)


def test_a_job_can_be_written_and_read_again():
    job = engine.Job("bulk", "spacy", processes=2, number=3)
    assert engine.Job(**json.loads(json.dumps(asdict(job)))) == job
