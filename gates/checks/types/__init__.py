"""The check types, one file each: its keys in the gate file, its judgement and its description.

A new check type is a file here and a line in `registry.py`.
"""
