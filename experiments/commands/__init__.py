"""Subcommands of `adaptive` that need data sets, plots or pandas."""
