"""A training that goes on, in a real browser: paused, changed, zoomed into, let go on, and stopped while it waits."""

import json
import re
from itertools import groupby

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

LOSS = "Training and validation loss"
TRAINING_SECONDS = 120.0
TICKS = """chart => [...document.querySelectorAll(`[aria-label^="${chart}"] .role-axis-label text`)]
    .map(label => label.textContent).join(" ")"""


def test_a_training_does_what_it_is_told(visit, server):
    visitor = visit()
    page = visitor.page
    visitor.open("Train")
    box = page.get_by_role("spinbutton", name="Epochs")
    box.fill("60")
    box.press("Enter")
    visitor.press("Start training")
    visitor.wait_for_points(LOSS, more_than=2, seconds=TRAINING_SECONDS)
    visitor.see(re.compile(r"^learning rate 0\.00\d+ · gradient norm [\d.]+ · memory [\d,]+ MB"))

    page.get_by_role("button", name="Learning rate").click()
    box = page.get_by_role("spinbutton", name="From the next step on")
    box.fill("0.0005")
    visitor.wait_for_points(LOSS, more_than=visitor.n_points(LOSS), seconds=TRAINING_SECONDS)
    assert box.input_value() == "0.0005", "what is being typed survives the updates"
    page.get_by_role("button", name="Change it").click()
    visitor.see(re.compile(r"^learning rate 0\.0005 "), seconds=TRAINING_SECONDS)
    page.keyboard.press("Escape")

    visitor.press("Pause training")
    visitor.see(re.compile("^Paused"), seconds=10)
    steps = page.get_by_text(re.compile("^Paused")).first.inner_text()
    visitor.press("Continue training")
    visitor.see(re.compile("^Epoch"), seconds=10)

    all_of_it = page.evaluate(TICKS, LOSS)
    chart = page.locator(f'[aria-label^="{LOSS}"]').first.bounding_box()
    page.mouse.move(chart["x"] + chart["width"] / 2, chart["y"] + chart["height"] / 3)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -600)
    page.keyboard.up("Control")
    page.wait_for_function(f"([chart, before]) => ({TICKS})(chart) !== before", arg=[LOSS, all_of_it])
    zoomed, said = page.evaluate(TICKS, LOSS), page.get_by_text("Training loss").first.inner_text()
    page.wait_for_function("said => !document.body.innerText.includes(said)", arg=said)
    assert page.evaluate(TICKS, LOSS) == zoomed, "the zoom survives an update"

    visitor.press("Pause training")
    visitor.see(re.compile("^Paused"), seconds=10)
    visitor.press("Stop")
    visitor.see(re.compile("^Stopp(ing|ed)"), seconds=3)
    visitor.see(re.compile("^Stopped"), seconds=TRAINING_SECONDS)
    log = next(server.home.glob("runs/*/events.jsonl")).read_text().splitlines()
    told = [event["what"] for event in map(json.loads, log) if event["kind"] == "RunTold"]
    told = [
        what for what, _ in groupby(told)
    ]  # on a slow machine Streamlit may deliver one click twice: the same rate again
    assert told == ["rate", "paused", "continued", "paused", "continued"]
    assert "step" in steps
