"""NER Lab: `streamlit run app.py` serves it. Page settings and navigation, nothing else."""

import streamlit as st

from pages._ui import navigation

st.set_page_config(page_title="NER Lab", layout="wide", initial_sidebar_state="collapsed")
navigation.show().run()
