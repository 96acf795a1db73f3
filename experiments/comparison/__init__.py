"""Governors side by side: cells that can be resumed, one table, one figure a scenario, one page."""
