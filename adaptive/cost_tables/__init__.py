"""Bundled cost tables: what a multiply and a byte cost on a modelled machine."""
