"""Explore: every section on the shipped corpus, on uploads, on hostile, empty and tiny ones; what it says is true."""

from __future__ import annotations

import lzma
from html.parser import HTMLParser

import pytest
from streamlit.testing.v1 import AppTest

from ner_core.records import Corpus, Sentence, Span

SECTIONS = (
    "Overview",
    "Labels",
    "Lengths",
    "Mentions",
    "Doubts",
    "Parts",
    "Neighbours",
    "Sentences",
    "What the network reads",
    "Side by side",
)
# key of a row of buttons -> the views it offers, by section
VIEWS = {
    "Labels": ("explore_labels_view", ("Entities by label", "Tokens by tag", "By genre")),
    "Lengths": ("explore_lengths_hand", ("A click shows the sentences", "A drag moves the line")),
    "Doubts": ("explore_doubt", ("Several labels", "Marked here, O there", "Repeated sentences")),
    "Parts": ("explore_parts_view", ("Leakage", "New names", "Unknown words")),
    "Neighbours": ("explore_side", ("before", "after")),
}
CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\nShe\tO\nworks\tO\n.\tO\n"
HOSTILE = "<img src=x onerror=alert(1)>"
ONE_SENTENCE = b"Ada B-per\nlives O\nin O\nLondon B-geo\n. O\n"
NO_ENTITIES = "\n\n".join(f"It O\nrained O\n{n} O\ntimes O\n. O" for n in range(30)).encode()
HOSTILE_FILE = "\n\n".join(
    f"<b>{n}</b>\tB-{HOSTILE}\n<script>alert(1)</script>\tI-{HOSTILE}\nO'Neil\tB-$x$*y*\n&amp;\tO" for n in range(20)
).encode()
KAGGLE = b"Sentence #,Word,POS,Tag\nSentence: 1,Ada,NNP,B-per\n,lives,VBZ,O\n,in,IN,O\n,Lima,NNP,B-geo\nSentence: 2,Hi,UH,O\n"


@pytest.fixture
def explore(app):
    """Open Explore; `explore(content)` on an upload, `explore(section="Lengths")` in a section."""

    def open_page(content: bytes | None = None, name: str = "mine.conll", section: str = "Overview") -> AppTest:
        query = {}
        if content is not None:
            from ner_core.training.keeping import store_corpus

            query = {"corpus": store_corpus(name, content)}
        test = app("explore", **query)
        return look_at(test, section)

    return open_page


def look_at(test: AppTest, section: str) -> AppTest:
    """Choose a section and make sure that it is drawn without an exception."""
    test.button_group(key="section").set_value(section).run()
    assert not test.exception, test.exception
    assert test.button_group(key="section").value == section
    return test


def said(test: AppTest) -> str:
    """All the words on the page."""
    groups = (test.markdown, test.caption, test.info, test.error, test.subheader, test.warning)
    return "\n".join(element.value for group in groups for element in group)


def html(test: AppTest) -> str:
    """All the HTML the page draws itself."""
    return "\n".join(element.proto.body for element in test.get("html"))


class Tags(HTMLParser):
    """The names and attributes of all elements in a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        self.attributes.update(name for name, _ in attributes)


def metrics(test: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in test.metric}


# --- the shipped corpus -----------------------------------------------------------------


def see_views(test: AppTest, section: str) -> AppTest:
    """Look at every view of a section."""
    look_at(test, section)
    key, views = VIEWS.get(section, ("", ()))
    for view in views if any(group.key == key for group in test.button_group) else ():
        test.button_group(key=key).set_value(view).run()
        assert not test.exception, (section, view, test.exception)
    return test


def choice(test: AppTest):
    """The list from which the sentences shown are chosen."""
    return next(box for box in test.selectbox if box.label.startswith("Show the "))


@pytest.mark.parametrize("section", SECTIONS[:-1])
def test_every_section_of_the_shipped_corpus_opens_and_shows_its_code(explore, section):
    test = explore(section=section)
    assert test.title[0].value == "Explore a corpus"
    assert test.code, "the code that ran is missing"
    assert all("def " in code.value for code in test.code)


def test_the_overview_counts_what_the_corpus_holds(explore):
    from ner_core.data.corpus import load_corpus

    corpus, shown = load_corpus(), metrics(explore())
    assert shown["Sentences"] == f"{len(corpus.sentences):,}"
    assert shown["Tokens"] == f"{sum(map(len, corpus.sentences)):,}"
    assert shown["Entities"] == f"{sum(len(sentence.spans) for sentence in corpus.sentences):,}"
    assert shown["Tags"] == "17"


def test_only_the_section_looked_at_is_counted(explore, monkeypatch):
    from pages._ui import explore_numbers

    def refuse(*_):
        raise AssertionError("counted for a hidden section")

    for name in ("lengths", "found_rows", "encoder"):
        monkeypatch.setattr(explore_numbers, name, refuse)
    assert metrics(explore())


# --- lengths -------------------------------------------------------------------------------


def test_slider_and_number_are_in_step_and_say_what_is_cut(explore):
    from ner_core.data.corpus import load_corpus
    from ner_core.data.statistics import length_cut

    sentences = load_corpus().sentences
    test = explore(section="Lengths")
    test.slider[0].set_value(12).run()
    assert test.number_input[0].value == 12
    assert metrics(test)["Tokens cut"] == f"{length_cut(sentences, 12).n_cut_tokens:,}"
    test.number_input[0].set_value(20).run()
    assert test.slider[0].value == 20
    assert metrics(test)["Entities cut"] == f"{length_cut(sentences, 20).n_cut_entities:,}"
    test.slider[0].set_value(140).run()
    assert test.number_input[0].value == 140
    cut = length_cut(sentences, 140)
    assert metrics(test)["Sentences cut"] == "0"
    assert metrics(test)["Padding"] == f"{cut.padding_share:.1%}".replace("%", " %")
    assert metrics(test)["Accuracy of all-O"] == f"{cut.all_o_accuracy:.1%}".replace("%", " %")


def test_the_line_stays_while_one_looks_elsewhere(explore):
    test = explore(section="Lengths")
    test.slider[0].set_value(12).run()
    test.slider[0].set_value(14).run()
    look_at(look_at(test, "Mentions"), "Lengths")
    assert (test.slider[0].value, test.number_input[0].value) == (14, 14)
    test.number_input[0].set_value(30).run()
    test.switch_page("pages/home.py").run().switch_page("pages/explore.py").run()
    look_at(test, "Lengths")
    assert (test.slider[0].value, test.number_input[0].value) == (30, 30)


def test_lengths_are_put_together_where_there_are_too_many():
    from pages._ui.charts_explore import bin_lengths

    histogram = dict.fromkeys(range(1, 1001), 2)
    binned = bin_lengths(histogram, 8)
    assert sum(binned.values()) == 2_000
    assert list(binned)[:3] == [1, 9, 17]


# --- sentences and mentions -------------------------------------------------------------------


def test_sentences_are_found_by_word_and_label_ten_at_a_time(explore):
    test = explore(section="Sentences")
    assert html(test).count('class="ner"') == 10
    test.text_input(key="explore_query").set_value("zzz-nowhere").run()
    assert "No sentence holds that" in said(test)
    test.text_input(key="explore_query").set_value("london").run()
    marks = html(test)
    assert "london" in marks.lower()
    assert "<mark" in marks


def test_a_label_filters_the_sentences(explore):
    content = b"\n\n".join([b"Ada B-per\nslept O"] * 3 + [b"Rome B-geo\nburned O"] * 2)
    test = explore(content, section="Sentences")
    assert "5 sentences found" in said(test)
    pills = next(group for group in test.button_group if group.label == "With an entity of")
    pills.set_value("geo").run()
    assert "2 sentences found" in said(test)
    assert "Ada" not in html(test)


def test_mentions_are_counted_by_label(explore):
    content = b"\n\n".join([b"Ada B-per\nLovelace I-per\nslept O"] * 3 + [b"Rome B-geo\nburned O"] * 2)
    test = explore(content, section="Mentions")
    assert "**2** entities are marked geo" in said(test)
    test.button_group(key="label").set_value("per").run()
    assert "**3** entities are marked per" in said(test)


# --- a choice and its sentences ----------------------------------------------------------------


def test_what_is_chosen_is_shown_and_nothing_where_nothing_is(explore):
    content = b"\n\n".join([b"Ada B-per\nslept O"] * 3 + [b"Rome B-geo\nburned O"] * 2)
    test = explore(content, section="Labels")
    assert choice(test).value == "geo"
    assert "2 sentences found" in said(test)
    choice(test).set_value("per").run()
    assert "3 sentences found" in said(test)
    assert "Rome" not in html(test)
    choice(test).set_value(None).run()
    assert "sentences found" not in said(test)
    test.button_group(key="explore_labels_view").set_value("Tokens by tag").run()
    choice(test).set_value("B-per").run()
    assert "3 sentences found" in said(test)


def test_the_sentences_of_a_length_are_shown(explore):
    test = explore(b"\n\n".join([b"Ada B-per\nslept O"] * 3 + [b"Rome B-geo\nburned O\n. O"] * 2), section="Lengths")
    assert "3 sentences found" in said(test)
    choice(test).set_value(3).run()
    assert "2 sentences found" in said(test)


def test_a_chart_counts_few_things_by_whole_numbers():
    from ner_core.data.statistics import length_cut, length_summary
    from pages._ui.charts_explore import length_figure

    sentences = [Sentence(("Yes",)), Sentence(("No", "!")), Sentence(("Oh", "!"))]
    cut, summary = length_cut(sentences, 5), length_summary(sentences)
    assert length_figure({1: 1, 2: 2}, 1, summary, cut).layout.yaxis.dtick == 1
    assert length_figure({1: 1, 2: 2_000}, 1, summary, cut).layout.yaxis.dtick is None


def test_whole_numbers_in_tables_are_separated():
    from pages._ui.explore_found import column_formats

    table = {"tokens": [1, 2], "sentences": [1_000, 2], "share": ["5 %", "6 %"], "lift": [1.5, 2.0], "none": []}
    assert list(column_formats(table)) == ["tokens", "sentences"]


# --- doubts, parts, neighbours --------------------------------------------------------------------

WASHINGTON = b"\n\n".join(
    [b"in O\nWashington B-geo\n%d O" % n for n in range(4)]
    + [b"President O\nWashington B-per\n%d O" % n for n in range(2)]
    + [b"a O\nWashington O\n%d O" % n for n in range(3)]
    + [b"He O\nslept O\nwell B-per"]
    + [b"He O\nslept O\nwell O"] * 2
)


def test_a_name_with_two_labels_is_told_and_shown(explore):
    test = explore(WASHINGTON, section="Doubts")
    assert "“**Washington**” is a place 4 times and a person 2 times: a tagger must look" in said(test)
    assert choice(test).value == ("Washington", "per")
    assert "2 sentences found" in said(test)
    choice(test).set_value(("Washington", "geo")).run()
    assert "4 sentences found" in said(test)


def test_words_marked_here_and_not_there_are_told_and_shown(explore):
    test = explore(WASHINGTON, section="Doubts")
    test.button_group(key="explore_doubt").set_value("Marked here, O there").run()
    choice(test).set_value(("Washington", False)).run()
    assert "3 sentences found" in said(test)
    assert html(test).count("not marked</span>") == 3
    choice(test).set_value(("Washington", True)).run()
    assert "6 sentences found" in said(test)
    assert "not marked" not in html(test)


def test_copies_that_disagree_stand_side_by_side(explore):
    test = explore(WASHINGTON, section="Doubts")
    test.button_group(key="explore_doubt").set_value("Repeated sentences").run()
    assert "**1** sentence stands in this corpus more than once" in said(test)
    assert "3 sentences found" in said(test)
    first, second = [piece for piece in html(test).split('class="ner"') if "slept" in piece][:2]
    assert ("<mark" in first) != ("<mark" in second)


def test_a_corpus_without_doubts_says_so(explore):
    test = explore(ONE_SENTENCE, section="Doubts")
    assert "No name of this corpus carries two labels" in said(test)
    test.button_group(key="explore_doubt").set_value("Marked here, O there").run()
    assert "Nothing to doubt here" in said(test)
    test.button_group(key="explore_doubt").set_value("Repeated sentences").run()
    assert "No sentence stands in this corpus twice" in said(test)


def test_no_parts_and_no_genres_say_what_to_do(explore):
    test = explore(ONE_SENTENCE, section="Parts")
    assert "All sentences stand in train" in said(test)
    look_at(test, "Labels").button_group(key="explore_labels_view").set_value("By genre").run()
    assert "# genre = news" in said(test)


def test_the_threshold_says_how_many_words_are_known(explore):
    from ner_core.data.columns import as_columns
    from ner_core.data.corpus import load_corpus
    from ner_core.data.mentions import unseen_share, vocabulary_coverage

    columns = as_columns(load_corpus())
    test = explore(section="Parts")
    test.button_group(key="explore_parts_view").set_value("New names").run()
    assert f"**{100 * unseen_share(columns)['all'].share:.1f} %** of the" in said(test).replace("\\", "")
    test.button_group(key="explore_parts_view").set_value("Unknown words").run()
    test.slider(key="explore_threshold").set_value(5).run()
    [known] = vocabulary_coverage(columns, [5])
    assert metrics(test)["Words known"] == f"{known.n_words:,}"
    assert metrics(test)["Unknown in test"] == f"{100 * (1 - known.share_test):.1f} %"


def test_neighbours_stand_before_and_after(explore):
    test = explore(WASHINGTON, section="Neighbours")
    assert "“**in**” 4 times" in said(test)
    assert "4 sentences found" in said(test)
    test.button_group(key="label").set_value("per").run()
    assert "“**President**” 2 times" in said(test)
    test.button_group(key="explore_side").set_value("after").run()
    assert not test.exception


def test_the_label_looked_at_is_one_for_all_sections_and_fits_the_corpus(explore, app):
    test = explore(section="Mentions")
    test.button_group(key="label").set_value("org").run()
    look_at(look_at(test, "Overview"), "Neighbours")
    assert test.button_group(key="label").value == "org"
    linked = app("explore", section="Mentions", label="tim")
    assert linked.button_group(key="label").value == "tim"
    assert "entities are marked tim" in said(linked)
    other = app("explore", section="Mentions", label="no such label")
    assert other.button_group(key="label").value == "geo"


# --- side by side -------------------------------------------------------------------------------


def test_two_corpora_stand_side_by_side(explore, app, monkeypatch):

    assert "only one corpus here yet" in said(explore(section="Side by side"))
    test = look_at(explore(WASHINGTON, name="capital.conll"), "Side by side")
    words = said(test).replace("\\", "")
    assert "A tagger trained on **capital** would not know" in words
    assert "Names marked in both: **1**" in words
    assert test.code


def test_a_bar_of_two_corpora_shows_its_sentences(explore):
    test = look_at(explore(WASHINGTON, name="capital.conll"), "Side by side")
    box = next(box for box in test.selectbox if box.label == "Show the sentences with an entity of")
    box.select_index(box.options.index("geo, in capital")).run()
    assert not test.exception and "4 sentences found" in said(test)


# --- what the network reads -----------------------------------------------------------------------


def test_the_word_that_padding_collides_with_is_named(explore):
    from ner_core.data.corpus import load_corpus
    from ner_core.tagger.encode import fit_encoder
    from ner_core.tagger.recipes import recipe

    corpus = load_corpus()
    for name in ("gmb-bilstm-softmax", "custom-bilstm-crf"):
        test = explore(section="What the network reads")
        test.selectbox(key="explore_recipe").set_value(name).run()
        assert not test.exception
        encoder = fit_encoder(corpus, recipe(name, published=True).encoding)
        assert f"that is the word **{encoder.reads_as(encoder.pad_id)}**" in said(test).replace("\\", "")


def test_words_that_vanish_and_unknown_words_are_named(explore):
    test = explore(section="What the network reads")
    test.button_group(key="explore_reading_source").set_value("My own words").run()
    test.text_input(key="explore_own").set_value("Qwxzt lives in London .").run()
    test.selectbox(key="explore_recipe").set_value("keras-bilstm-crf").run()
    words = said(test)
    assert "**Vanished**: “**Qwxzt**”, “**\\.**”" in words
    assert "read as `<unk>`: “**Qwxzt**”" in words
    test.selectbox(key="explore_recipe").set_value("gmb-bilstm-softmax").run()
    assert "KeyError" in said(test)


@pytest.mark.parametrize("typed", ["", "   ", HOSTILE, "🙂 " * 200, "x" * 600])
def test_ones_own_words_may_be_anything(explore, typed):
    test = explore(section="What the network reads")
    test.button_group(key="explore_reading_source").set_value("My own words").run()
    test.text_input(key="explore_own").set_value(typed).run()
    assert not test.exception
    assert not Tags(html(test)).names & {"img", "script"}


def test_every_recipe_reads_every_kind_of_corpus(explore):
    from ner_core.tagger.recipes import RECIPE_NAMES, RECIPES

    for content in (ONE_SENTENCE, NO_ENTITIES, HOSTILE_FILE):
        test = explore(content, section="What the network reads")
        for name in RECIPE_NAMES:
            test.selectbox(key="explore_recipe").set_value(name).run()
            assert not test.exception, (name, test.exception)
            assert len(test.subheader) == (2 if (name, True) in RECIPES else 1)


# --- uploads ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [CONLL, ONE_SENTENCE, NO_ENTITIES, HOSTILE_FILE, KAGGLE, lzma.compress(KAGGLE)],
    ids=["conll", "one sentence", "no entities", "hostile", "kaggle", "kaggle.xz"],
)
def test_every_section_stands_every_upload(explore, content):
    test = explore(content)
    for section in SECTIONS:
        see_views(test, section)
        assert not test.error
        drawn = Tags(html(test))
        assert not drawn.names & {"img", "script", "b"}
        assert not {name for name in drawn.attributes if name.startswith("on")}


def test_very_many_labels_and_a_very_long_sentence(explore):
    """A list takes the place of pills; the cells are cut with a note; lengths are put together."""
    content = "\n".join([f"w{n} B-label{n}" for n in range(300)] + ["and O"] * 900).encode()
    test = explore(content)
    for section in SECTIONS:
        see_views(test, section)
    assert "the first 400 are read here" in said(look_at(test, "What the network reads"))
    assert look_at(test, "Mentions").selectbox[0].label == "Label"


def test_a_hostile_label_is_words_wherever_it_stands(explore):
    test = explore(HOSTILE_FILE, section="Mentions")
    assert HOSTILE not in said(test)  # escaped for Markdown
    assert "onerror" in said(test)
    assert "&lt;img src=x" in html(explore(HOSTILE_FILE, section="Sentences"))


def test_no_entities_is_said_and_not_drawn(explore):
    assert "every tag is O" in said(explore(NO_ENTITIES))
    assert "no mentions to count" in said(explore(NO_ENTITIES, section="Mentions"))


def test_repairs_made_while_reading_are_listed(explore):
    test = explore("München B-geo\nliegt O\nhier O\n".encode("cp1252"))
    assert "cp1252" in said(test)
    assert any("to know from reading" in box.label for box in test.expander)


def test_a_word_that_holds_a_space_is_highlighted_where_it_is_not_marked():
    from pages._ui.explore_found import with_unmarked

    for words in (("in", "New York", "x"), ("in", "New", "York", "x")):
        found = with_unmarked(Sentence(words), "New York").spans
        assert [(span.start, span.end) for span in found] == [(1, len(words) - 1)]
    assert not with_unmarked(Sentence(("New", "Yorker")), "New York").spans


def test_a_corpus_without_train_opens_in_every_section(explore):
    rows = [b'{"tokens": ["Ada", "%d"], "tags": ["B-per", "O"], "part": "test"}' % n for n in range(9)]
    test = explore(b"\n".join(rows), name="mine.jsonl")
    assert "nothing to train on" in said(test)
    for section in SECTIONS:
        assert not look_at(test, section).exception


def test_a_corpus_that_is_gone_is_said_and_the_shipped_one_shown(app):
    test = app("explore", corpus="0" * 64)
    assert not test.exception
    assert "upload its file again" in test.error[0].value
    assert metrics(test)["Tags"] == "17"


def test_a_corpus_without_a_sentence_says_what_to_do(app, monkeypatch):
    from pages._ui import loading

    monkeypatch.setattr(loading, "corpus", lambda _: Corpus("nothing", (), (), (), ()))
    assert "holds no sentence" in said(app("explore"))


def test_a_leak_between_given_parts_is_told(explore, app, monkeypatch):
    from pages._ui import loading

    ada = Sentence(("Ada", "slept"), (Span(0, 1, "per"),))
    leaky = Corpus(
        "leaky", (ada,), (Sentence(("Hi",)),), (ada, Sentence(("Yes",))), ("per",), split="given by the files"
    )
    monkeypatch.setattr(loading, "corpus", lambda _: leaky)
    monkeypatch.setattr("pages._ui.session.corpus_id", lambda: "leaky")
    assert "**1 of 2** test sentences stand word for word in train" in said(app("explore"))
