"""Teach: address, QR code and class code for the projector; the queue, the limits and the end of a class for the teacher."""

import streamlit as st

from ner_core.training import classroom
from pages._ui import navigation, session, teach_panel, widgets

navigation.guard()

widgets.page_header("Teach", "What the class needs to come in, and what the teacher decides.")
if not classroom.is_class():
    widgets.empty_state(
        "No class is served here. On the machine that serves it run `make class`: it prints the address, the class code "
        "and the teacher's key. See docs/deploy.md."
    )
elif not session.is_teacher():
    teach_panel.ask_key()
else:
    entrance = st.container()
    is_projected = st.toggle("Projector: hide all below", key="teach_projector", persist_state="session")
    with entrance:
        teach_panel.show_entrance(is_large=is_projected)
    if not is_projected:
        teach_panel.show_queue()
        teach_panel.show_pin()
        teach_panel.show_limits()
        teach_panel.show_end()
widgets.code_shown("training.classroom:admission", "training.waiting:deal_places", "training.people:owner_of")
