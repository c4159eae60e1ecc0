"""Part IV. From corpus to tagger."""
