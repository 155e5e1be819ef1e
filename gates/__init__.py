"""Judges a run from its event files; pure after reading, and free of torch and Prefect."""
