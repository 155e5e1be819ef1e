"""From a run directory to its verdict and its report."""
