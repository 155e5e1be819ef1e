"""Decides what runs: the pipeline, its stages and the command line; the only package that knows Prefect."""
