"""Judges stored runs again under changed rules."""
