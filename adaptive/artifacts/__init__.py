"""Trained networks that ship with the package, as integer artifacts."""
