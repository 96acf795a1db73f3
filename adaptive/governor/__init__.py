"""Governors: observation in, operating point out. One file per policy; no clock, no I/O, no log."""
