"""NER Lab: `streamlit run app.py` serves it. Page settings and navigation, nothing else."""

import sys

import streamlit as st

st.set_page_config(page_title="NER Lab", layout="wide", initial_sidebar_state="collapsed")

if not (3, 11) <= sys.version_info < (3, 14):  # before anything is imported that such a Python lacks
    st.error(
        "NER Lab needs Python 3.11, 3.12 or 3.13, because TensorFlow has no build for others yet. Received: Python "
        f"{sys.version_info.major}.{sys.version_info.minor}. Make the environment with one of these and install again."
    )
    st.stop()

sys.setswitchinterval(0.001)  # a fifth of Python's own: who sends to thirty browsers waits less for those who draw

from pages._ui import navigation  # noqa: E402

navigation.show().run()
