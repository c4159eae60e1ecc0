"""Part VI. From a terminal."""
