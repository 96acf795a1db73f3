"""Bundled oracles: every mix of a network on some images, measured once."""
