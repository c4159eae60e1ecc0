"""Explore in a browser: a bar, a row, an arrow key and the list all choose, and the sentences follow."""

from __future__ import annotations

import re

import pytest

from ner_core.data.columns import as_columns
from ner_core.data.corpus import load_corpus
from ner_core.data.mentions import rows_with

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

TALL = {"viewport": {"width": 1280, "height": 1600}}
ROW = 35  # pixels of a table's row


@pytest.fixture(scope="module")
def newsroom():
    return as_columns(load_corpus())


def see_sentences(visitor, columns, **conditions) -> None:
    """Wait until it is said that the sentences that meet the conditions are shown."""
    n = len(rows_with(columns, **conditions))
    visitor.see(re.compile(rf"^{n:,} sentences? found"))
    visitor.wait_until_done()


def click_bar(visitor, number: int, *, along: float | None = None) -> None:
    """Click a bar in its middle, or `along` pixels behind its left edge."""
    bar = visitor.page.locator(".barlayer .point path").nth(number)
    bar.wait_for(state="attached")
    box = bar.bounding_box()
    place = box["x"] + (box["width"] / 2 if along is None else along), box["y"] + box["height"] / 2
    visitor.page.mouse.move(*place)
    visitor.page.locator(".hoverlayer .hovertext").first.wait_for()  # Plotly knows which bar is meant
    visitor.page.mouse.click(*place)


def click_row(visitor, number: int) -> None:
    """Click a row of the table below the chart."""
    table = visitor.page.get_by_test_id("stDataFrame").first
    table.locator("canvas").first.wait_for()
    box = table.bounding_box()
    visitor.page.mouse.click(box["x"] + 40, box["y"] + ROW * (number + 1.5))


def test_bar_row_key_and_list_choose_the_same_thing(visit, newsroom):
    visitor = visit(TALL)
    visitor.open("Explore", section="Labels")
    see_sentences(visitor, newsroom, label="geo")
    click_bar(visitor, 7, along=200)  # nat: in its row, far beyond the end of its bar
    see_sentences(visitor, newsroom, label="nat")
    click_bar(visitor, 2)
    see_sentences(visitor, newsroom, label="per")
    click_row(visitor, 3)
    see_sentences(visitor, newsroom, label="org")
    visitor.page.keyboard.press("ArrowDown")
    see_sentences(visitor, newsroom, label="tim")
    visitor.page.get_by_role("combobox", name=re.compile("Show the sentences with")).first.click()
    visitor.page.get_by_role("option", name="eve (event)").click()
    see_sentences(visitor, newsroom, label="eve")


def test_a_length_is_clicked_and_the_line_is_dragged(visit, newsroom):
    visitor = visit(TALL)
    visitor.open("Explore", section="Lengths")
    click_bar(visitor, 3)
    see_sentences(visitor, newsroom, length=5)
    visitor.choose("On the chart", "A drag moves the line")
    chart = visitor.chart("Sentence lengths")
    chart.wait_for()
    visitor.wait_until_done()
    box = chart.bounding_box()
    visitor.page.mouse.move(box["x"] + 100, box["y"] + 150)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + 300, box["y"] + 160, steps=5)
    visitor.page.mouse.up()
    visitor.chart(r"Sentence lengths .* The line stands at (?!50)\d+").wait_for()


def test_section_and_label_stand_in_the_address(visit, newsroom):
    visitor = visit(TALL)
    visitor.open("Explore", section="Mentions", label="per")
    visitor.chart("Most frequent mentions of per").wait_for()
    visitor.choose("Label", "org")
    visitor.chart("Most frequent mentions of org").wait_for()
    visitor.page.wait_for_url(re.compile("label=org"))
    visitor.choose("Look at", "Overview")
    visitor.see("What was understood:")
    visitor.choose("Look at", "Neighbours")
    visitor.chart("Words right before org").wait_for()
    visitor.page.wait_for_url(re.compile("section=Neighbours"))
    visitor.page.reload()
    visitor.chart("Words right before").wait_for()


def test_back_leads_one_choice_back_and_then_out(visit):
    visitor = visit(TALL)
    visitor.open("Home")
    visitor.go("Explore")

    def is_chosen(*names: str, address: str) -> None:
        for name in names:
            visitor.page.get_by_role("radio", name=name, exact=True, checked=True).wait_for()
        visitor.page.wait_for_url(re.compile(f"/explore{re.escape(address)}$"))
        visitor.wait_until_done()

    is_chosen("Overview", address="")
    visitor.choose("Look at", "Labels")
    is_chosen("Labels", address="?section=Labels")
    visitor.choose("Look at", "Mentions")
    is_chosen("Mentions", address="?section=Mentions")
    visitor.choose("Label", "org")
    is_chosen("Mentions", "org", address="?label=org&section=Mentions")
    visitor.page.go_back()
    is_chosen("Mentions", "geo", address="?section=Mentions")
    visitor.chart("Most frequent mentions of geo").wait_for()
    visitor.page.go_back()
    is_chosen("Labels", address="?section=Labels")
    visitor.page.go_forward()
    is_chosen("Mentions", address="?section=Mentions")
    visitor.page.go_back()
    visitor.page.go_back()
    is_chosen("Overview", address="")
    visitor.page.go_back()
    visitor.wait_for("Home")
