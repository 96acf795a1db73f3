"""Studies of the Pareto search: oracles, scores, what racing saves, how far to trust a front."""
