"""Part I. From files to sentences."""
