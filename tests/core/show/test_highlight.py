"""Highlighting is readable, true to the text, and safe for hostile words and labels."""

import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from itertools import combinations

import numpy as np
import pytest

from ner_core.records import GMB_LABELS, Prediction, Sentence, Span, Token
from ner_core.show.highlight import (
    LIGHT_TEXT,
    PALETTE,
    PATTERNS,
    TEXT,
    diff_html,
    label_colours,
    label_words,
    legend_html,
    to_html,
)

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "\"'><script>alert(1)</script>",
    "{}{0}{text}{{bg}}",
    "%s %(x)s $HOME `id` ${x}",
    "😀👩‍👩‍👧 مرحبا \u202egnp.exe",
    "&amp; &#x3c;b&#x3e;",
    "</mark></div><b>",
    "javascript:alert(1)",
    "\x00\x1b[31m\ud800",
    "x" * 5000,
]
ALLOWED_TAGS = {"div", "mark", "span", "bdi", "br"}
ALLOWED_ATTRIBUTES = {"class", "style", "title", "dir"}


class Page(HTMLParser):
    """Collects what a browser would: tags, attributes, and the text inside each <bdi> or outside any badge."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.titles, self.open = [], [], [], []
        self.mentions, self.text, self.kinds, self.styles = [], "", [], []
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]
        values = dict(attributes)
        self.styles.append(values.get("style", ""))
        if "title" in values:
            self.titles.append(values["title"])
        self.kinds.append(values.get("class", ""))
        if tag == "br":
            self.text += "\n"
            return
        self.open.append((tag, values.get("class", "")))
        if tag == "bdi":
            self.mentions.append("")

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        inside = [tag for tag, _ in self.open]
        is_note = any(kind == "note" for _, kind in self.open)
        if "bdi" in inside:
            self.mentions[-1] += data
        if not is_note and ("bdi" in inside or "mark" not in inside):
            self.text += data


def predict_as(text, spans=(), confidences=None, unknown=(), gold=None):
    tokens = tuple(Token(m[0], m.start(), m.end()) for m in re.finditer(r"\S+", text))
    confidences = confidences or (0.9,) * len(spans)
    return Prediction(text, tokens, ("O",) * len(tokens), tuple(spans), tuple(confidences), gold=gold, unknown=unknown)


def assert_safe(html):
    page = Page(html)
    assert set(page.tags) <= ALLOWED_TAGS
    assert set(page.attributes) <= ALLOWED_ATTRIBUTES
    assert not any("url(" in style or "expression" in style for style in page.styles)
    html.encode("utf-8")
    return page


# --- the running sentence ---


def test_entities_stand_highlighted_with_label_and_confidence():
    page = assert_safe(
        to_html(predict_as("Ada Lovelace lives in London .", (Span(0, 2, "per"), Span(4, 5, "geo")), (0.931, 0.5)))
    )
    assert page.mentions == ["Ada Lovelace", "London"]
    assert page.text.strip() == "Ada Lovelace lives in London ."
    assert page.titles == ["per: person, how sure: 93.1 %", "geo: place, how sure: 50.0 %"]


def test_the_label_is_always_written():
    html = to_html(Sentence(("London",), (Span(0, 1, "geo"),)), show_confidence=False)
    assert ">geo</span>" in html and "%" not in html.split("<bdi>")[1]


def test_displacy_draws_the_entities(monkeypatch):
    from spacy.displacy.render import EntityRenderer

    seen, original = [], EntityRenderer.render_ents
    monkeypatch.setattr(
        EntityRenderer, "render_ents", lambda self, *given: seen.append(given) or original(self, *given)
    )
    to_html(Sentence(("London",), (Span(0, 1, "geo"),)))
    assert [(text, ents[0]["start"], ents[0]["end"]) for text, ents, _ in seen] == [("London", 0, 6)]


def test_below_the_threshold_is_plain_text_in_a_dotted_outline_and_counted():
    item = predict_as("Ada in London", (Span(0, 1, "per"), Span(2, 3, "geo")), (0.4, 0.8))
    page = Page(to_html(item, threshold=0.5))
    assert page.tags.count("mark") == 1 and page.kinds.count("faint") == 1
    assert "1 less sure than 50 %" in to_html(item, threshold=0.5)
    assert Page(to_html(item, threshold=0.4)).tags.count("mark") == 2
    assert "less sure" not in to_html(item)


def test_unknown_words_are_underlined_inside_and_outside_entities():
    page = assert_safe(to_html(predict_as("Zorg <Blib> met Quux", (Span(0, 2, "per"),), unknown=(1, 3))))
    assert page.kinds.count("unknown") == 2
    assert page.mentions == ["Zorg <Blib>", "Quux"]
    assert page.titles.count("never seen in training") == 2
    assert page.text.strip() == "Zorg <Blib> met Quux"


def test_newlines_and_spaces_stay_where_they_were():
    text = "Ada\n\nLovelace   lives\r\nhere\rnow"
    page = Page(to_html(predict_as(text, (Span(0, 2, "per"),))))
    assert page.text == "Ada\n\nLovelace   lives \nhere\nnow"
    assert page.mentions == ["Ada\n\nLovelace"]
    assert "white-space:pre-wrap" in page.styles[0]


def test_right_to_left_text_runs_right_to_left():
    assert "direction: rtl" in to_html(predict_as("مرحبا London"))
    assert "direction: ltr" in to_html(predict_as("London مرحبا"))


def test_large_is_larger_and_the_theme_is_checked():
    item = predict_as("a")
    assert "1.75rem" in to_html(item, large=True) and "1.75rem" not in to_html(item)
    assert to_html(item, theme="dark") != to_html(item)
    with pytest.raises(ValueError, match="Received: 'pink'"):
        to_html(item, theme="pink")


def test_overlapping_spans_do_not_double_the_text():
    page = Page(to_html(Sentence(("a", "b", "c"), (Span(0, 2, "x"), Span(1, 3, "y")))))
    assert page.text.strip() == "a b c"


def test_an_empty_text_is_drawn():
    assert Page(to_html(predict_as(""))).text.strip() == ""
    assert Page(to_html(Sentence(()))).text.strip() == ""


# --- hostile input ---


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_and_label_are_only_text(hostile):
    visible = re.sub("[\x00\x1b\ud800\u202e]", "\ufffd", hostile)
    item = predict_as(
        f"{hostile} met Ada {hostile}", (Span(0, 1, hostile),), unknown=(0, 2), gold=(Span(1, 2, hostile),)
    )
    page = assert_safe(to_html(item, threshold=0.0))
    assert page.text.strip() == f"{visible} met Ada {visible}"
    assert_safe(to_html(item, threshold=1.0))
    assert_safe(diff_html(item))
    assert_safe(to_html(item, compare=item.gold))
    legend = assert_safe(legend_html([hostile, "geo"], {hostile: 3}))
    assert legend.mentions[0].startswith(visible[:30])


@pytest.mark.parametrize("hostile", [h for h in HOSTILE if " " not in h])
def test_hostile_words_of_a_corpus(hostile):
    assert_safe(to_html(Sentence((hostile, "x"), (Span(0, 1, hostile), Span(1, 2, "geo")))))


def test_a_million_characters_are_cut_with_a_note_in_a_second():
    text = "Ada lives <here> . " * 55_000
    item = predict_as(text, tuple(Span(i, i + 1, "per") for i in range(0, 220_000, 4)))
    begin = time.process_time()
    html = to_html(item)
    assert time.process_time() - begin < 5
    assert len(html) < 3_000_000 and "of 1,045,000 characters" in html
    assert text.startswith(Page(html).text)


def test_one_endless_word_is_cut_too():
    html = to_html(predict_as("x" * 1_000_000, (Span(0, 1, "per"),), unknown=(0,)))
    assert len(html) < 100_000 and "Cut after 50,000 of 1,000,000" in html


# --- gold beside predicted ---


def test_gold_is_solid_predicted_is_dashed_and_mistakes_are_said():
    item = predict_as(
        "Ada Lovelace met Bob in London",
        (Span(0, 1, "per"), Span(3, 4, "org"), Span(4, 5, "geo"), Span(5, 6, "geo")),
        gold=(Span(0, 2, "per"), Span(3, 4, "per"), Span(5, 6, "geo")),
    )
    html = assert_safe(diff_html(item)) and diff_html(item)
    gold, marked = html.split('<div class="row-marked"')
    assert gold.count("solid") == 3 and "dashed" not in gold
    assert marked.count("dashed") == 4 and "solid" not in marked
    for words in ("wrong edges", "wrong label", "invented"):
        assert f"({words})" in marked
    assert "(label differs)" in gold
    assert "missed" in diff_html(Sentence(("Ada",), (Span(0, 1, "per"),)), ())
    right = diff_html(Sentence(("Ada",), (Span(0, 1, "per"),)), (Span(0, 1, "per"),))
    assert "wrong" not in right and "missed" not in right


def test_a_comparison_needs_both_sides():
    with pytest.raises(ValueError, match="gold and predicted"):
        diff_html(predict_as("Ada"))
    with pytest.raises(ValueError, match="gold and predicted"):
        diff_html(Sentence(("Ada",)))


# --- labels and colours ---


def test_the_legend_names_labels_plainly_with_counts():
    page = assert_safe(legend_html(["geo", "gpe", "Chemical"], {"geo": 1234}))
    assert page.mentions == ["geo: place (1,234)", "gpe: nationality or government (0)", "Chemical (0)"]


def test_every_gmb_label_has_plain_words():
    assert len({label_words(label) for label in GMB_LABELS}) == 8
    assert not any(label_words(label) == label for label in GMB_LABELS)


def test_gmb_colours_are_fixed_whatever_else_is_there():
    assert label_colours(GMB_LABELS) == dict(zip(GMB_LABELS, PALETTE, strict=False))
    mixed = label_colours(["new", "nat", "other", "geo"])
    assert mixed["nat"] == PALETTE[7] and mixed["geo"] == PALETTE[0]
    assert list(mixed) == ["new", "nat", "other", "geo"]


def test_eighty_labels_all_differ():
    colours = label_colours([f"label {i}" for i in range(80)])
    assert len(set(colours.values())) == 80
    assert {colour.pattern for colour in colours.values()} == {"", *PATTERNS}
    assert len(label_colours([f"label {i}" for i in range(300)])) == 300
    assert "repeating-linear-gradient" in colours["label 79"].background


def linear(colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)  # (3,)


def contrast(one, other):
    luminances = sorted(linear(c) @ [0.2126, 0.7152, 0.0722] + 0.05 for c in (one, other))
    return luminances[1] / luminances[0]


# Machado, Oliveira & Fernandes 2009, severity 1: how linear RGB looks to red-, green- and blue-blind eyes.
EYES = {
    "normal": np.eye(3),
    "red-blind": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green-blind": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "blue-blind": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(rgb):
    """CIELAB of linear RGB."""
    matrix = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(matrix) @ np.clip(rgb, 0, 1) / [0.95047, 1, 1.08883]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_dark_text_on_every_ground_has_a_contrast_above_seven():
    assert min(contrast(colour.ground, colour.text) for colour in PALETTE) > 7
    assert contrast("#ffffff", TEXT) > 7  # the light stripes of patterned grounds


def test_borders_show_on_white_and_on_streamlits_dark_ground():
    for colour in PALETTE:
        assert contrast(colour.border, "#ffffff") >= 3, colour
        assert contrast(colour.border, "#0e1117") >= 3, colour
    assert len({colour.border for colour in PALETTE}) == len(PALETTE)


@pytest.mark.parametrize("eyes", EYES)
def test_colour_blind_people_can_tell_the_grounds_apart(eyes):
    seen = [lab(np.array(EYES[eyes]) @ linear(colour.ground)) for colour in PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen[:8], 2)) > 19
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 9


def test_importing_the_chapter_is_light():
    code = "import sys, ner_core.show.highlight; print([m for m in ('spacy','tensorflow','keras','streamlit') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_drawing_loads_no_tensorflow():
    code = (
        "import sys; from ner_core.show.highlight import to_html; from ner_core.records import Sentence, Span;"
        "to_html(Sentence(('Ada',), (Span(0, 1, 'per'),))); print('spacy' in sys.modules, 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == [
        "True",
        "False",
        "False",
    ]


def over(colour, page):
    """What is seen of a ground with an opacity (#rrggbbaa) on a page."""
    share = int(colour[7:9], 16) / 255
    parts = [(int(colour[i : i + 2], 16), int(page[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * top + (1 - share) * below):02x}" for top, below in parts)


@pytest.mark.parametrize(("theme", "page"), [("light", "#ffffff"), ("dark", "#15181b"), ("dark", "#1f2428")])
def test_a_faded_ground_keeps_its_text_readable(theme, page):
    for colour in PALETTE:
        seen = [over(colour.faded(share, theme).ground, page) for share in (0.0, 0.5, 1.0)]
        assert min(contrast(ground, colour.faded(1.0, theme).text) for ground in seen) > 7, colour
        assert len(set(seen)) == 3  # and one sees how sure it is


def test_opacity_fades_the_ground_and_nothing_else():
    spans = (Span(0, 2, "per"), Span(4, 5, "geo"))
    prediction = predict_as("Ada Lovelace lives in London .", spans, (0.9, 0.3))
    plain, faded = to_html(prediction), to_html(prediction, opacity=True)
    for span, confidence in zip(spans, prediction.confidences, strict=True):
        colour = label_colours([span.label])[span.label]
        assert colour.faded(confidence, "light").ground in faded
        assert faded.count(f"solid {colour.border}") == plain.count(f"solid {colour.border}") == 1
    assert faded.count(TEXT) == plain.count(TEXT)
    assert LIGHT_TEXT in to_html(prediction, opacity=True, theme="dark")
