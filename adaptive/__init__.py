"""Choosing and running: operating points, governors that pick them, the loop that applies them."""
