"""What does a text look like with its entities highlighted?

Chapter of part V. spaCy's displaCy draws the entities (`spacy.displacy.render.EntityRenderer`, the renderer behind
`displacy.render(style="ent")`), given plain data as for `manual=True` and a template of our own.

Differs from it: displaCy escapes only the text and knows OntoNotes' labels alone. Here labels and
titles are escaped as well, every label has a colour of its own (dark text on a pastel ground,
contrast above 7:1, told apart by colour-blind people too), newlines inside an entity stay, unknown
words and entities below a threshold are marked, and a huge text is cut with a note.
The label always stands beside its mention: never colour alone.

>>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."),
...                spans=(Span(0, 2, "per"), Span(4, 5, "geo")))
>>> page = to_html(ada)
>>> "<bdi>Ada Lovelace</bdi>" in page and "per</span>" in page
True
>>> label_colours(["geo"])["geo"].ground, label_words("geo")
('#88b8da', 'place')
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from ner_core.records import GMB_LABELS, Prediction, Sentence, Span, Token, percent
from ner_core.scores.errors import classify_errors

MAX_CHARACTERS = 50_000  # of one text are drawn; a browser is slow beyond, and nobody reads on
MAX_LABEL = 40  # characters of a label are written beside a mention; the title holds 200
MAX_TITLE = 200


# --- colours -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Colour:
    """How one label looks: ground and text for highlighting, border for outlines and chart lines.

    `pattern` is "" or how the ground is striped where hues ran out: "rising", "falling", "level", "upright".
    """

    ground: str
    text: str
    border: str
    pattern: str = ""

    @property
    def background(self) -> str:
        """The ground as a CSS `background`; stripes are lighter than the ground, so text stays readable."""
        if not self.pattern:
            return self.ground
        angle, gap = PATTERNS[self.pattern], "#ffffff" if len(self.ground) == 7 else "transparent"  # of a faded one
        return f"repeating-linear-gradient({angle}deg,{self.ground} 0 5px,{gap} 5px 8px)"

    def faded(self, share: float, theme: str) -> Colour:
        """The same colour with a ground that lets `share` (0-1) of itself be seen on the theme's page.

        On a dark page the ground stays dark throughout and the text light: in between neither could be read.

        >>> PALETTE[0].faded(0.5, "light").background, PALETTE[0].faded(1.0, "dark").background
        ('#88b8da8f', '#88b8da38')
        """
        most, text = (1.0, self.text) if theme == "light" else (DARKEST, LIGHT_TEXT)
        seen = f"{round(255 * most * (FAINTEST + (1 - FAINTEST) * min(max(share, 0.0), 1.0))):02x}"
        return replace(self, ground=f"{self.ground}{seen}", text=text)


TEXT, LIGHT_TEXT = "#1b1b1f", "#f2f2f5"
DARKEST = 0.22  # of a ground on a dark page: light text keeps a contrast of 7:1 on every one
FAINTEST = 0.12  # of a ground is always seen
PATTERNS = {"rising": 135, "falling": 45, "level": 0, "upright": 90}  # name -> degrees

# Sixteen grounds, chosen by search: contrast above 7:1 with TEXT, and at least 20 (the first eight) or 9 apart in
# CIELAB for normal, red-, green- and blue-blind eyes (Machado, Oliveira & Fernandes 2009).
PALETTE = tuple(
    Colour(ground, TEXT, border)
    for ground, border in (
        ("#88b8da", "#027fbb"),  # geo  blue
        ("#f59740", "#b16512"),  # gpe  orange
        ("#b0a2fe", "#805fe9"),  # per  violet
        ("#80f9f1", "#1c8580"),  # org  cyan
        ("#f8fb7b", "#7c7d0f"),  # tim  yellow
        ("#e2a7af", "#dc3864"),  # art  rose
        ("#c3fcb6", "#298c01"),  # eve  light green
        ("#bbb37f", "#786a4a"),  # nat  olive
        ("#8bdffa", "#1284a0"),  # the further labels of an upload, in its own order
        ("#efc440", "#997902"),
        ("#c7bcd0", "#a454d7"),
        ("#a0d466", "#568502"),
        ("#dabaa1", "#a8642a"),
        ("#aabffc", "#516ef2"),
        ("#fedf89", "#8f7a20"),
        ("#dbe6d1", "#5f8050"),
    )
)

_PLAIN = {
    "geo": "place",
    "gpe": "nationality or government",
    "per": "person",
    "org": "organisation",
    "tim": "time",
    "art": "artwork or product",
    "eve": "event",
    "nat": "natural phenomenon",
    "loc": "place",
    "misc": "other name",
    "person": "person",
    "location": "place",
    "corporation": "company",
    "group": "group",
    "product": "product",
    "creative-work": "creative work",
}


def label_words(label: str) -> str:
    """Say a label in plain words; a label not known by heart is returned as it is.

    >>> label_words("per"), label_words("ORG"), label_words("Chemical")
    ('person', 'organisation', 'Chemical')
    """
    return _PLAIN.get(label.lower(), label)


def label_colours(labels: Iterable[str]) -> dict[str, Colour]:
    """Give every label its colour: fixed for GMB's eight, in the order given for all others.

    The others take the further colours, then GMB's that no label here claims, then all of them striped.

    >>> colours = label_colours(["Chemical", "geo", "Disease"])
    >>> colours["geo"] == PALETTE[0], colours["Chemical"] == PALETTE[8], colours["Disease"] == PALETTE[9]
    (True, True, True)
    """
    labels = list(dict.fromkeys(labels))
    colours = {label: PALETTE[GMB_LABELS.index(label)] for label in labels if label in GMB_LABELS}
    free = [colour for colour in PALETTE[8:] + PALETTE[:8] if colour not in colours.values()]
    free += [replace(colour, pattern=pattern) for pattern in PATTERNS for colour in PALETTE]
    others = [label for label in labels if label not in colours]
    colours |= {label: free[position % len(free)] for position, label in enumerate(others)}
    return {label: colours[label] for label in labels}


# --- highlighting ----------------------------------------------------------------------

# What displaCy fills in for every piece of text it draws specially.
TEMPLATE = '<{element} class="{kind}" style="{style}" title="{title}"><bdi>{text}</bdi>{tail}</{element}>'

SHORT_NAME = 4  # tokens

MARK_STYLE = (
    "background:{background};color:{colour.text};border:{border};padding:0.2em 0.4em;margin:0 0.1em;"
    "border-radius:0.35em;box-decoration-break:clone;-webkit-box-decoration-break:clone;overflow-wrap:anywhere"
)
TAIL_STYLE = "font-size:0.75em;font-weight:bold;margin-inline-start:0.5em;opacity:1"
FAINT_STYLE = "border:1px dotted currentColor;border-radius:0.25em;padding:0 0.15em"
UNKNOWN_STYLE = (
    "text-decoration:underline dotted currentColor;text-underline-offset:0.25em;text-decoration-thickness:2px"
)


def to_html(
    item: Prediction | Sentence,
    *,
    threshold: float = 0.0,
    theme: str = "light",
    large: bool = False,
    labels: Sequence[str] = (),
    show_confidence: bool = True,
    opacity: bool = False,
    compare: Sequence[Span] | None = None,
    max_characters: int = MAX_CHARACTERS,
) -> str:
    """Draw a prediction, or a gold sentence, as HTML that is safe to show.

    `labels` are the corpus's labels in order, so that colours are the same for every sentence.
    Entities less sure than `threshold` are plain text in a thin dotted outline, and counted below.
    `compare` are gold spans: two rows are drawn, gold and marked (see `diff_html`).
    `opacity` lets the ground of an entity fade, the less sure it is; text and border stay.
    `large` is for a projector. `theme` ("light" or "dark") colours only the words around entities.
    """
    if compare is not None:
        return diff_html(item, gold=compare, theme=theme, large=large, labels=labels, max_characters=max_characters)
    confidences = getattr(item, "confidences", ()) or (None,) * len(item.spans)
    colours = label_colours([*labels, *(span.label for span in item.spans)])
    entities, n_faint = [], 0
    for span, confidence in zip(item.spans, confidences, strict=True):
        is_faint = confidence is not None and confidence < threshold
        n_faint += is_faint
        if is_faint:
            entities.append(_faint(span, confidence))
        else:
            colour = colours[span.label]
            if opacity and confidence is not None:
                colour = colour.faded(confidence, theme)
            entities.append(_mark(span, colour, confidence if show_confidence else None))
    notes = [_faint_note(n_faint, threshold)] if n_faint else []
    body, cut = _draw(item.text, item.tokens, entities, getattr(item, "unknown", ()), max_characters)
    return _wrap(body, [*notes, *cut], theme, large)


def diff_html(
    item: Prediction | Sentence,
    predicted: Sequence[Span] | None = None,
    *,
    gold: Sequence[Span] | None = None,
    theme: str = "light",
    large: bool = False,
    labels: Sequence[str] = (),
    max_characters: int = MAX_CHARACTERS,
) -> str:
    """Draw gold (solid line) above marked (dashed line); what is wrong is said in a word.

    Give a Prediction that holds its gold spans, or a gold Sentence and the `predicted` spans.
    """
    if isinstance(item, Prediction):
        gold, predicted = item.gold if gold is None else gold, item.spans if predicted is None else predicted
    else:
        gold = item.spans if gold is None else gold
    if gold is None or predicted is None:
        raise ValueError("A comparison needs gold and predicted spans. Received a text with only one of them.")
    colours = label_colours([*labels, *(span.label for span in (*gold, *predicted))])
    words = _verdicts(gold, predicted)
    rows = []
    for name, spans, line in (("gold", gold, "solid"), ("marked", predicted, "dashed")):
        entities = [_mark(span, colours[span.label], line=line, verdict=words.get((name, span), "")) for span in spans]
        body, cut = _draw(item.text, item.tokens, entities, (), max_characters)
        title = f'<div style="font-weight:bold;font-size:0.8em">{name}</div>'
        rows.append(f'<div class="row-{name}" style="margin-bottom:0.6em">{title}{body}</div>')
    return _wrap("".join(rows), cut, theme, large)


def _verdicts(gold: Sequence[Span], predicted: Sequence[Span]) -> dict[tuple[str, Span], str]:
    """(row, span) -> the word that says what is wrong with it; nothing where it is right."""
    in_gold = {
        "boundary": "edges differ",
        "label": "label differs",
        "both": "edges and label differ",
        "missed": "missed",
    }
    in_marked = {
        "boundary": "wrong edges",
        "label": "wrong label",
        "both": "wrong edges and label",
        "invented": "invented",
    }
    verdicts = {}
    for kind, gold_span, predicted_span in classify_errors(gold, predicted):
        if gold_span is not None:
            verdicts["gold", gold_span] = in_gold[kind]
        if predicted_span is not None:
            verdicts["marked", predicted_span] = in_marked[kind]
    return verdicts


def legend_html(labels: Sequence[str], counts: Mapping[str, int] | None = None, *, theme: str = "light") -> str:
    """Draw every label in its colour with its plain words and, where given, its number of entities."""
    items = []
    for label, colour in label_colours(labels).items():
        plain = label_words(label)
        words = _clip(label) if plain == label else f"{_clip(label)}: {plain}"
        words += f" ({counts.get(label, 0):,})" if counts is not None else ""
        style = MARK_STYLE.format(background=colour.background, colour=colour, border=f"2px solid {colour.border}")
        items.append(
            f'<span class="legend" style="{style};display:inline-block;line-height:1.4"><bdi>{_escape(words)}</bdi></span>'
        )
    return _wrap(" ".join(items), [], theme, large=False)


# --- pieces: what displaCy is given for one entity ---------------------------------------


def _mark(
    span: Span, colour: Colour, confidence: float | None = None, *, line: str = "solid", verdict: str = ""
) -> tuple[Span, dict[str, str]]:
    """An entity in its label's colour, with the label and how sure beside it."""
    plain = label_words(span.label)
    title = plain if plain == span.label else f"{span.label}: {plain}"
    tail = _clip(span.label)
    if confidence is not None:
        title = f"{title}, how sure: {percent(confidence)}"
        tail += f" {percent(confidence, 0)}"
    if verdict:
        title, tail = f"{title}, {verdict}", f"{tail} ({verdict})"
    style = MARK_STYLE.format(background=colour.background, colour=colour, border=f"2px {line} {colour.border}")
    if span.end - span.start <= SHORT_NAME:  # moves to the next line whole, instead of breaking behind its edge
        style += ";display:inline-block;max-width:100%;line-height:1.35"
    return span, {
        "element": "mark",
        "kind": "entity",
        "style": style,
        "title": _escape(_clip(title, MAX_TITLE)),
        "tail": f'<span style="{TAIL_STYLE}">{_escape(tail)}</span>',
    }


def _faint(span: Span, confidence: float) -> tuple[Span, dict[str, str]]:
    """An entity the tagger is less sure of than asked: plain text in a thin dotted outline."""
    title = _escape(_clip(f"perhaps {label_words(span.label)}, how sure: {percent(confidence)}", MAX_TITLE))
    return span, {"element": "span", "kind": "faint", "style": FAINT_STYLE, "title": title, "tail": ""}


def _faint_note(n: int, threshold: float) -> str:
    return f"{n:,} less sure than {percent(threshold, 0)}: not marked, in a dotted outline."


def _unknown(word: str) -> str:
    """A word the tagger has never seen, inside an entity (outside, displaCy's template draws the same)."""
    return f'<span class="unknown" style="{UNKNOWN_STYLE}" title="never seen in training">{word}</span>'


# --- drawing: plain data in, displaCy's HTML out -------------------------------------------


def _draw(
    text: str,
    tokens: Sequence[Token],
    entities: Sequence[tuple[Span, dict[str, str]]],
    unknown: Iterable[int],
    max_characters: int,
) -> tuple[str, list[str]]:
    """Let displaCy draw entities and unknown words; returns the HTML and the note of a cut."""
    from spacy.displacy.render import EntityRenderer

    end = _cut(tokens, len(text), max_characters)
    text, whole = _make_visible(text[:end]), text
    pieces = _pieces(text, tokens, entities, set(unknown), end)
    is_rtl = next((unicodedata.bidirectional(c) in ("R", "AL") for c in text if c.isalpha()), False)
    plain = {"text": text, "ents": pieces, "title": None, "settings": {"direction": "rtl" if is_rtl else "ltr"}}
    html = EntityRenderer({"template": TEMPLATE}).render([plain])
    note = f"Cut after {end:,} of {len(whole):,} characters: downloads hold the whole text."
    return html.strip(), [note] if end < len(whole) else []


def _cut(tokens: Sequence[Token], n_characters: int, max_characters: int) -> int:
    """How many characters to draw: at most so many, and no token cut in two unless it is huge."""
    if n_characters <= max_characters:
        return n_characters
    ends = [token.start for token in tokens if token.start <= max_characters]
    return ends[-1] if ends and ends[-1] > max_characters // 2 else max_characters


def _pieces(
    text: str,
    tokens: Sequence[Token],
    entities: Sequence[tuple[Span, dict[str, str]]],
    unknown: set[int],
    end: int,
) -> list[dict]:
    """displaCy's "ents" in text order without overlaps: entities, and unknown words between them."""
    pieces, last = [], 0  # last: the character up to which the text is drawn
    lone = {"element": "span", "kind": "unknown", "style": UNKNOWN_STYLE, "title": "never seen in training", "tail": ""}
    alone = [(Span(i, i + 1, ""), lone) for i in sorted(unknown) if i < len(tokens)]
    order = sorted([*entities, *alone], key=lambda piece: (piece[0].start, piece[1] is lone, -piece[0].end))
    for span, params in order:
        start, stop = tokens[span.start].start, min(tokens[span.end - 1].end, end)
        if start < last or start >= end:
            continue
        inner = _entity_text(text, tokens, range(span.start, span.end) if params is not lone else (), unknown, stop)
        params = {**params, "text": inner} if inner else params
        pieces.append({"start": start, "end": stop, "label": "", "params": params})
        last = stop
    return pieces


def _entity_text(text: str, tokens: Sequence[Token], inside: Iterable[int], unknown: set[int], end: int) -> str:
    """The escaped text of an entity with its unknown words underlined; "" where it has none."""
    inside = list(inside)
    if unknown.isdisjoint(inside):
        return ""
    parts, last = [], tokens[inside[0]].start
    for i in inside:
        start, stop = min(tokens[i].start, end), min(tokens[i].end, end)
        word = _escape(text[start:stop])
        parts += [_escape(text[last:start]), _unknown(word) if i in unknown else word]
        last = stop
    return "".join(parts)


_INVISIBLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\u202d\u202e]")


def _make_visible(text: str) -> str:
    """Show what would break or turn round the page as `�`; the length stays, so that offsets hold."""
    return _INVISIBLE.sub("\ufffd", text.replace("\r\n", " \n").replace("\r", "\n"))


def _escape(words: str) -> str:
    return escape(_make_visible(words), quote=True)


def _clip(words: str, length: int = MAX_LABEL) -> str:
    return words if len(words) <= length else words[: length - 1] + "…"


def _wrap(body: str, notes: Sequence[str], theme: str, large: bool) -> str:
    """One block around everything: newlines kept, long words wrapped, readable on the theme's ground."""
    if theme not in ("light", "dark"):
        raise ValueError(f"A theme is light or dark. Received: {theme!r}.")
    colour = LIGHT_TEXT if theme == "dark" else TEXT
    size = "1.75rem" if large else "1rem"
    style = f"color:{colour};font-size:{size};line-height:2.2;white-space:pre-wrap;overflow-wrap:anywhere"
    said = "".join(
        f'<div class="note" style="font-size:0.8rem;line-height:1.5">{_escape(note)}</div>' for note in notes
    )
    return f'<div class="ner" style="{style}" dir="auto">{body}{said}</div>'
