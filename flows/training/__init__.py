"""Keeps the trainer process going, and ends it when it is lost; free of Prefect."""
