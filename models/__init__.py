"""Precision-switchable CNNs with hierarchical labels. The only package below `experiments` that needs torch."""
