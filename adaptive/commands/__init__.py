"""Subcommands of `adaptive` that need nothing beyond what a board has."""
