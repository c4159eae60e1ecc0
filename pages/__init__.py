"""The pages: one thin file each. They read the session, call `ner_core`, and show."""
