"""Choosing and running: operating points, the governors that pick them, the loop that applies them."""
