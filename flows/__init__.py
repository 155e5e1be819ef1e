"""Decides what runs: pipeline, stages, command line; the only package that knows Prefect."""
