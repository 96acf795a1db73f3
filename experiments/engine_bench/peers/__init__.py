"""Runtimes to compare with: each module runs in a virtual environment of its own."""
