"""Part V. Showing what was found."""
