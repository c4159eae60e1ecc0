"""Scripts that measure. Each prints or writes what it saw, and anyone can run it again."""
