"""Voltage and frequency: OPPs, voltage islands, dynamic and leakage power."""
