"""The public data sets: read in their official layouts, fetched with checksums; no torch."""
