"""Thermal parameters of a board from recorded temperatures (offline; needs scipy)."""
