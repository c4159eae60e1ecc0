"""explore: stub until it is written."""

from pages._ui import navigation, widgets

navigation.guard()
widgets.page_header("Explore", "This page is being written.")
