"""The command line: every command of its table, JSON, exit codes, one line for what is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ner_core.__main__ import main
from ner_core.commands.corpora import FORMS
from ner_core.commands.trainings import _checked_out
from ner_core.data.corpus import load_corpus
from ner_core.tagger.networks import weight_shapes
from ner_core.tagger.recipes import RECIPES, deal, new_tagger, recipe
from ner_core.tagger.store import load_tagger, save_tagger
from ner_core.training import runs

PROJECT = Path(__file__).parents[2]
CONLL = "Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\nBob\tB-per\nsleeps\tO\n,\tO\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def conll(tmp_path):
    path = tmp_path / "mine.conll"
    path.write_text(CONLL)
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tagger with drawn weights: what it finds is nonsense, but it finds something."""
    tagger = new_tagger(load_corpus(), recipe("bilstm-crf"))
    random = np.random.default_rng(1)
    shapes = weight_shapes(tagger.network)
    tagger.weights = {name: random.normal(size=shape, scale=0.5).astype("f4") for name, shape in shapes.items()}
    return str(save_tagger(tagger, tmp_path_factory.mktemp("models") / "drawn"))


@pytest.fixture
def ask(capsys):
    """Run a command; return exit code, stdout and stderr."""

    def ask(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
        return code, *capsys.readouterr()

    return ask


def ask_process(*arguments, **options):
    command = [sys.executable, "-m", "ner_core", *map(str, arguments)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, timeout=240, check=False, **options)


# --- corpus, convert -------------------------------------------------------------------


def test_corpus_counts(ask, conll):
    code, out, _ = ask("corpus", conll, "--json")
    facts = json.loads(out)
    assert code == 0
    assert (facts["sentences"], facts["tokens"], facts["words"]) == (2, 9, 9)
    assert facts["labels"] == ["geo", "per"]
    assert facts["entities"] == {"geo": 1, "per": 2}
    assert facts["tags"] == {"O": 5, "B-per": 2, "I-per": 1, "B-geo": 1}
    assert {**facts["lengths"], "p95": 0, "p99": 0} == {
        "min": 3,
        "mean": 4.5,
        "median": 4.5,
        "p95": 0,
        "p99": 0,
        "max": 6,
    }
    assert not {"split", "parts"} & set(facts)
    assert isinstance(facts["notes"], list)


def test_the_corpus_that_ships(ask):
    code, out, _ = ask("--json", "corpus", "newsroom")
    assert code == 0
    assert json.loads(out)["sentences"] >= 300
    code, out, _ = ask("corpus", "newsroom")
    assert "sentences" in out
    assert "geo" in out


@pytest.mark.parametrize("form", FORMS)
def test_convert_writes_every_form(ask, conll, tmp_path, form):
    out = tmp_path / f"out.{form}"
    code, _, said = ask("convert", conll, out, "--to", form)
    assert code == 0
    assert "2 sentences" in said
    data = out.read_bytes()
    if form == "conll":
        assert data.decode().strip() == CONLL.strip()
    elif form == "jsonl":
        first = json.loads(data.splitlines()[0])
        assert first["entities"][0] == {"start": 0, "end": 12, "label": "per", "text": "Ada Lovelace"}
    elif form == "spacy":
        import spacy
        from spacy.tokens import DocBin

        docs = list(DocBin().from_bytes(data).get_docs(spacy.blank("en").vocab))
        assert [(e.text, e.label_) for e in docs[0].ents] == [("Ada Lovelace", "per"), ("London", "geo")]


def test_what_was_converted_is_read_again_equal(ask, conll, tmp_path):
    for ending in ("csv", "conll"):
        assert ask("convert", conll, tmp_path / f"again.{ending}")[0] == 0
        again = json.loads(ask("corpus", tmp_path / f"again.{ending}", "--json")[1])
        for key in ("sentences", "tokens", "words", "entities", "tags", "lengths"):
            assert again[key] == json.loads(ask("corpus", conll, "--json")[1])[key]


def test_an_ending_that_says_nothing(ask, conll, tmp_path):
    code, _, said = ask("convert", conll, tmp_path / "out.xyz")
    assert code == 2
    assert "--to" in said


# --- recipes, train ------------------------------------------------------------------------


def test_recipes(ask):
    code, out, _ = ask("recipes", "--json")
    rows = json.loads(out)["recipes"]
    assert code == 0
    assert {(row["name"], row["is_published"]) for row in rows} == set(RECIPES)
    assert all(row["layers"] and row["source"] and row["form"] in ("published", "mended") for row in rows)
    assert all(name in ask("recipes")[1] for name, _ in RECIPES)


def test_train_then_evaluate_then_tag(conll, tmp_path):
    """The whole road with TensorFlow, once."""
    out = tmp_path / "model"
    told = ["--out", out, "--dev", conll, "--test", conll, "--epochs", "2", "--seed", "3", "--json"]
    done = ask_process("train", "--corpus", conll, "--recipe", "bilstm-crf", *told)
    assert done.returncode == 0, done.stderr.decode()
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [events[0]["kind"], events[-1]["kind"]] == ["RunStarted", "RunEnded"]
    assert [e["epoch"] for e in events if e["kind"] == "EpochDone"] == [1, 2]
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == 2  # what begins, and how it ended
    assert load_tagger(out).card["seed"] == 3
    scored = ask_process("evaluate", out, "--corpus", conll, "--part", "all", "--json")
    assert json.loads(scored.stdout)["tokens"] == 9


# --- evaluate, tag ------------------------------------------------------------------------------


def test_evaluate_gives_the_whole_report(ask, model):
    code, out, _ = ask("evaluate", model, "--corpus", "newsroom", "--part", "dev", "--json")
    facts = json.loads(out)
    assert code == 0
    assert set(facts["overall"]) == {"precision", "recall", "f1", "tp", "fp", "fn"}
    needed = {"overall", "by_label", "token_accuracy", "padded_accuracy", "errors", "seen", "unseen"}
    assert needed <= set(facts)
    assert facts["overall"]["tp"] + facts["overall"]["fn"] > 0
    assert sum(c["tp"] for c in facts["by_label"].values()) == facts["overall"]["tp"]
    code, out, said = ask("evaluate", model, "--corpus", "newsroom", "--part", "dev")
    assert "precision" in out
    assert "learned from" in said.lower()  # how far the figures can be believed


def test_tag_one_text_a_line(model):
    text = "\ufeffAda lives in London. Bob  too.\n\n😀 naïve\r\n"
    done = ask_process("tag", model, "-", input=text.encode())
    assert done.returncode == 0, done.stderr.decode()
    found = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [each["text"] for each in found] == ["Ada lives in London. Bob  too.", "", "😀 naïve"]
    entities = [(each["text"], entity) for each in found for entity in each["entities"]]
    assert entities
    for text, entity in entities:
        assert set(entity) == {"start", "end", "label", "text", "confidence"}
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert 0 <= entity["confidence"] <= 1


@pytest.mark.parametrize("form", ["conll", "csv", "html", "spacy"])
def test_tag_writes_every_form(model, tmp_path, form):
    texts = tmp_path / "texts.txt"
    texts.write_text("Ada Lovelace lives in London.\n<script>alert(1)</script>\n")
    done = ask_process("tag", model, texts, "--to", form)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout
    if form == "html":
        assert b"<script>" not in done.stdout


# --- runs, models --------------------------------------------------------------------------------


def test_runs_and_models(ask, model, home, monkeypatch):
    assert ask("runs")[0] == 0
    run = runs.create_run(runs.RunConfig())
    save_tagger(load_tagger(model), run.folder / "best")
    monkeypatch.setenv("NER_LAB_MODELS", str(Path(model).parent))
    (home / "models" / "broken").mkdir(parents=True)
    (home / "models" / "broken" / "MANIFEST.json").write_text("{}")
    [row] = json.loads(ask("runs", "--json")[1])["runs"]
    assert (row["id"], row["state"], row["recipe"]) == (run.id, "starting", "bilstm-crf")
    code, out, said = ask("models", "--json")
    found = json.loads(out)
    assert code == 0
    assert {str(run.folder / "best"), model} == {each["folder"] for each in found["models"]}
    assert [Path(each["folder"]).name for each in found["broken"]] == ["broken"]
    assert "broken" in said


# --- what is wrong: one line, exit code 2 -----------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["corpus"],
        ["corpus", "absent.csv"],
        ["corpus", "newsroom", "--format", "odd"],
        ["convert", "absent.csv", "x.conll"],
        ["convert", "newsroom", "absent/x.conll"],
        ["train", "--corpus", "newsroom"],
        ["train", "--corpus", "newsroom", "--out", "x", "--epochs", "-1"],
        ["train", "--corpus", "newsroom", "--out", "x", "--seed", "x"],
        ["train", "--corpus", "newsroom", "--out", "x", "--rare-times", "99"],
        ["train", "--corpus", "newsroom", "--out", "x", "--recipe", "nothing"],
        ["train", "--corpus", "newsroom", "--out", "x", "--published"],
        ["train", "--corpus", "absent.csv", "--out", "x"],
        ["train", "--corpus", "newsroom", "--out", "taken"],
        ["evaluate", "absent", "--corpus", "newsroom"],
        ["tag", "absent"],
        ["tag", "MODEL", "absent.txt"],
        ["tag", "MODEL", "latin.txt"],
        ["tag", "MODEL", "--to", "pdf"],
        ["evaluate", "MODEL", "--corpus", "empty.conll"],
        ["evaluate", "MODEL", "--corpus", "picture.png"],
    ],
    ids=" ".join,
)
def test_bad_input_is_said_in_one_line(ask, model, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    Path("latin.txt").write_bytes(b"caf\xe9\n")
    Path("empty.conll").write_bytes(b"\n\n")
    Path("picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)))
    Path("taken").write_text("a file")
    code, out, said = ask(*[model if word == "MODEL" else word for word in arguments])
    assert code == 2
    assert out == ""
    assert said.count("\n") == 1
    assert len(said) > 20
    assert "Traceback" not in said


def test_no_command_prints_help(ask):
    code, out, _ = ask()
    assert code == 0
    for command in ("corpus", "convert", "recipes", "train", "evaluate", "tag", "runs", "models"):
        assert command in out


def test_an_unexpected_failure_is_one_line_and_exit_code_1(ask, model, monkeypatch):
    import ner_core.tagger.predict

    def fail(*_, **__):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(ner_core.tagger.predict, "predict", fail)
    code, _, said = ask("evaluate", model, "--corpus", "newsroom")
    assert code == 1
    assert "first line second line" in said.splitlines()[-1] and "training" not in said


def test_another_packages_value_error_is_no_bad_input(ask, model, monkeypatch):
    import ner_core.tagger.predict

    def fail(*_, **__):
        raise ValueError("Exception encountered when calling layer. Received: shape=(1, 2)")

    monkeypatch.setattr(ner_core.tagger.predict, "predict", fail)
    assert ask("evaluate", model, "--corpus", "newsroom")[0] == 1


def test_training_over_a_stored_tagger_is_told_first(model, capsys):
    assert _checked_out(model) == Path(model)
    assert "holds a tagger already" in capsys.readouterr().err


def test_parts_given_by_files_are_not_dealt_afresh(ask, tmp_path):
    """Of a model as published: the corpus says whether its parts were given, not the model's card."""
    tagger = new_tagger(load_corpus(), recipe("gmb-bilstm-softmax", published=True))
    random = np.random.default_rng(1)
    shapes = weight_shapes(tagger.network)
    tagger.weights = {name: random.normal(size=shape, scale=0.1).astype("f4") for name, shape in shapes.items()}
    tagger.card["split"] = "given by the files"  # of the corpus it was trained on, not of this one
    folder = save_tagger(tagger, tmp_path / "published")
    told = json.loads(ask("evaluate", folder, "--corpus", "newsroom", "--part", "test", "--json")[1])
    dealt = deal(load_corpus(), recipe("gmb-bilstm-softmax", published=True))
    assert told["tokens"] == sum(map(len, dealt.test)) != sum(map(len, load_corpus().test))


@pytest.mark.skipif(os.name == "nt", reason="pipes end differently on Windows")
def test_a_reader_that_has_enough(model):
    command = f"yes 'Ada lives in London.' | head -5000 | '{sys.executable}' -m ner_core tag '{model}' | head -1"
    done = subprocess.run(command, shell=True, cwd=PROJECT, capture_output=True, timeout=120, check=False)
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


@pytest.mark.parametrize(
    "command", ["corpus newsroom", "recipes", "runs", "models", "evaluate MODEL --corpus newsroom"]
)
def test_light_commands_load_no_tensorflow(model, command):
    words = [model if word == "MODEL" else word for word in command.split()]
    code = (
        "import sys; from ner_core.__main__ import main; code = main(sys.argv[1:]);"
        "sys.exit(code or any(name in sys.modules for name in ('tensorflow', 'keras', 'streamlit')) * 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=PROJECT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
