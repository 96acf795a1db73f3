"""Power parameters of a rail from measurements (offline; needs scipy)."""
