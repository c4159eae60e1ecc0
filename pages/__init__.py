"""The pages: one thin file each. They read the session, call `ner_core`, and show."""

import os

# Before NumPy is loaded: the products of one sentence are so small that a second thread only slows them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
