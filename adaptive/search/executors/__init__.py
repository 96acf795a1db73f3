"""Where work runs: here, in processes, or on a cluster; the results are the same."""
