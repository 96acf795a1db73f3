"""Float networks of other tools: what is read of their files, as torch modules."""
