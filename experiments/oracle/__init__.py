"""The offline bound: what no governor can beat on a drawn board, and a schedule coming close."""
