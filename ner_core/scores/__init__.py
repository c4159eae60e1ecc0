"""Part III. How good is it."""
