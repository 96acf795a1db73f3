"""The Pareto search: from a switchable network to the plans worth switching between."""
