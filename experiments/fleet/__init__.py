"""Thousands of boards at once: drawn parameters, one numpy operation for all, percentiles."""
