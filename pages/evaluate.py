"""evaluate: stub until it is written."""

from pages._ui import navigation, widgets

navigation.guard()
widgets.page_header("Evaluate", "This page is being written.")
