"""What a run shows on Prefect's pages: name, tags, progress, report and table of checks."""
