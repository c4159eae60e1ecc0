"""A person comes back: after a reload, in another tab, after a restart of the server; and nobody else is taken for them."""

import re

import pytest

from tests.browser.driver import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]


def chip(visitor, label: str):
    return visitor.page.get_by_role("button", name=label, exact=True)


def save_nickname(visitor, nickname: str) -> None:
    chip(visitor, "You").click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Nickname").fill(nickname)
    dialog.get_by_role("button", name="Save", exact=True).click()
    chip(visitor, f"You: {nickname}").wait_for()


def test_a_reload_and_a_restart_keep_the_nickname(visit, tmp_path):
    with Server(tmp_path) as first:
        visitor = visit(at=first)
        visitor.open()
        save_nickname(visitor, "Ada")
        visitor.page.reload()
        chip(visitor, "You: Ada").wait_for()
        visitor.new_page()
        visitor.open("Train")
        chip(visitor, "You: Ada").wait_for()
        [cookie] = [cookie for cookie in visitor.page.context.cookies() if cookie["name"] == "ner_lab_me"]
        assert re.fullmatch(r"[\w-]{43}", cookie["value"]) and cookie["sameSite"] == "Lax"
        other = visit(at=first)
        other.open()
        chip(other, "You").wait_for()
        other.page.goto(f"{first.url}/?me={cookie['value']}")  # the personal link, on another device
        chip(other, "You: Ada").wait_for()
        assert "me=" not in other.page.url
        other.page.reload()
        chip(other, "You: Ada").wait_for()
        other.open()
        chip(other, "You: Ada").wait_for()
    with Server(tmp_path) as second:  # another port: cookies belong to the host
        visitor.server = second
        visitor.open()
        chip(visitor, "You: Ada").wait_for()
        assert cookie["value"] not in second.said()


def test_deleting_all_of_mine_makes_me_somebody_else(visit):
    visitor = visit()
    visitor.open()
    save_nickname(visitor, "Bob")
    [before] = [cookie["value"] for cookie in visitor.page.context.cookies() if cookie["name"] == "ner_lab_me"]
    chip(visitor, "You: Bob").click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete mine", exact=True).click()
    visitor.page.get_by_role("button", name="Delete all of mine", exact=True).click()
    chip(visitor, "You").wait_for()
    visitor.page.wait_for_function("before => !document.cookie.includes(before)", arg=before)
    visitor.page.reload()
    chip(visitor, "You").wait_for()
