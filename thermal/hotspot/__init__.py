"""HotSpot 7 input files of the block model, read unchanged."""
