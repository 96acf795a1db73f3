"""Latency of the native engine beside the runtimes people use, in one interleaved run."""
