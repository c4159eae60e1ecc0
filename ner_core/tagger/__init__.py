"""Part II. From sentences to predictions."""
