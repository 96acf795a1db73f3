"""Precision-switchable CNNs with hierarchical labels (needs torch)."""
