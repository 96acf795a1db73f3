"""Integer inference. `reference` (numpy) is the specification every other engine must equal."""
