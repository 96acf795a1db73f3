"""Studies, scenarios and plots: everything that prints, draws or needs a data set."""
