"""Files -> Sentences: one reader a file, every repair a Note the person sees."""
