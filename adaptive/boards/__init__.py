"""Board files: one YAML a board, every number with its source, its confidence, its uncertainty."""
