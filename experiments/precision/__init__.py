"""What switching precision costs a trained network, level by level."""
