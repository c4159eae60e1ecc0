"""The walls of the house: the order of the chapters, and who may load TensorFlow."""

import ast
import re
import subprocess
import sys
from importlib.util import resolve_name
from pathlib import Path

import pytest

from ner_core import CHAPTERS

PROJECT = Path(__file__).parents[2]
BOOK = PROJECT / "ner_core"
PAGES = [PROJECT / "app.py", *sorted((PROJECT / "pages").rglob("*.py"))]
HEAVY = ("tensorflow", "keras")
# when they are imported; the others of MAY_BE_HEAVY only inside a function
LOAD_HEAVY = ("tagger.crf", "tagger.lookup", "tagger.lstm", "training.adam", "training.steps", "training.train")
MAY_BE_HEAVY = (*LOAD_HEAVY, "tagger.networks", "training.worker")


def file_of(chapter):
    return BOOK / Path(*chapter.split(".")).with_suffix(".py")


def imports_of(path, package=""):
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_table_of_contents_is_complete():
    files = {path for path in BOOK.rglob("*.py") if path.name not in ("__init__.py", "__main__.py")}
    files = {path for path in files if BOOK / "corpora" not in path.parents}
    assert {file_of(chapter) for chapter in CHAPTERS} == files


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_imports_only_earlier_chapters(chapter):
    place = CHAPTERS.index(chapter)
    package = f"ner_core.{chapter}".rpartition(".")[0]
    for module in imports_of(file_of(chapter), package):
        assert module.split(".")[0] != "streamlit", f"{chapter} imports Streamlit"
        name = module.removeprefix("ner_core.")
        if module.startswith("ner_core.") and name in CHAPTERS:
            assert CHAPTERS.index(name) < place, f"{chapter} imports {name}, which comes later"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_begins_with_what_it_answers(chapter):
    words = ast.get_docstring(ast.parse(file_of(chapter).read_text(encoding="utf-8")))
    assert words and len(words) > 40


PARTS = {"data": "I", "tagger": "II", "scores": "III", "training": "IV", "show": "V", "commands": "VI"}


@pytest.mark.parametrize("chapter", [chapter for chapter in CHAPTERS if "." in chapter])
def test_every_chapter_names_its_part_and_no_number(chapter):
    words = ast.get_docstring(ast.parse(file_of(chapter).read_text(encoding="utf-8")))
    part = PARTS[chapter.split(".")[0]]
    assert re.findall(r"Chapter [^.;: ]*(?: part)?[^.;:]*", words)[:1] == [f"Chapter of part {part}"]


@pytest.mark.parametrize("chapter", [c for c in CHAPTERS if c not in MAY_BE_HEAVY])
def test_only_training_names_tensorflow(chapter):
    heavy = [module for module in imports_of(file_of(chapter)) if module.split(".")[0] in HEAVY]
    assert heavy == []


def test_light_chapters_load_no_tensorflow():
    """All but LOAD_HEAVY, one after the other in one process: the first that loads it is named."""
    light = [f"ner_core.{c}" for c in CHAPTERS if c not in LOAD_HEAVY]
    code = f"""
import importlib, sys
for name in {["ner_core", *light, "ner_core.__main__"]}:
    importlib.import_module(name)
    loaded = [heavy for heavy in ("tensorflow", "keras", "streamlit") if heavy in sys.modules]
    assert not loaded, f"{{name}} loads {{loaded}}"
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_prediction_and_scores_load_no_tensorflow():
    """Not only the imports: a whole prediction, its scores, its picture and its file."""
    code = """
import sys, tempfile
import numpy as np
from ner_core.data.corpus import load_corpus
from ner_core.scores.report import evaluate
from ner_core.show.export import to_jsonl
from ner_core.show.highlight import to_html
from ner_core.tagger.networks import layer_table, weight_shapes
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import new_tagger, recipe
from ner_core.tagger.store import load_tagger, save_tagger
from ner_core.training.jobs import place_in_queue
from ner_core.training.runs import list_runs
corpus = load_corpus()
tagger = new_tagger(corpus, recipe("bilstm-crf"))
tagger.weights = {name: np.zeros(shape, "f4") for name, shape in weight_shapes(tagger.network).items()}
tagger = load_tagger(save_tagger(tagger, tempfile.mkdtemp()))
evaluate(predict(tagger, corpus.test))
[prediction] = predict(tagger, ["Ada Lovelace lives in London."])
to_html(prediction), to_jsonl([prediction]), layer_table(tagger.network), list_runs(), place_in_queue('x')
assert not {"tensorflow", "keras", "streamlit"} & set(sys.modules)
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_the_package_itself_is_light():
    code = "import sys; import ner_core; assert not {'numpy', 'pandas', 'spacy', 'tensorflow'} & set(sys.modules)"
    done = run_python(code)
    assert done.returncode == 0, done.stderr


# --- the pages ------------------------------------------------------------------------------


@pytest.mark.skipif(not PAGES[0].exists(), reason="the app is not there yet")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_import_no_tensorflow_and_nothing_that_does(path):
    forbidden = {"ner_core.training.train", "ner_core.tagger.crf"}
    for module in imports_of(path):
        assert module.split(".")[0] not in HEAVY
        assert module not in forbidden


@pytest.mark.skipif(not PAGES[0].exists(), reason="the app is not there yet")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_only_one_file_touches_session_and_url(path):
    if path.name == "session.py":
        return
    touched = [
        node.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("session_state", "query_params")
    ]
    assert touched == []


@pytest.mark.skipif(not PAGES[0].exists(), reason="the app is not there yet")
def test_the_app_loads_no_tensorflow(tmp_path):
    code = f"""
import os, sys
os.environ |= {{"NER_LAB_HOME": {str(tmp_path)!r}, "NER_LAB_STANDBY": "0"}}
from streamlit.testing.v1 import AppTest
AppTest.from_file("app.py", default_timeout=60).run()
assert not {{"tensorflow", "keras"}} & set(sys.modules)
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_no_module_on_the_servers_path_hides_one_of_python():
    """The folder of app.py is on sys.path: a file html.py beside it would break every `import html`."""
    beside = {path.stem for path in [*PROJECT.glob("*.py"), *PROJECT.glob("*/__init__.py")]}
    assert not {stem for stem in beside if stem != "__init__"} & set(sys.stdlib_module_names)


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "base", "common"])
def test_no_module_has_a_name_that_says_nothing(word):
    assert not [path for path in [*BOOK.rglob("*.py"), *PAGES] if word in path.stem.split("_")]
