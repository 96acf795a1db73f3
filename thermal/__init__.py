"""Heat: RC networks, their exact discrete-time models, thermal headroom."""
