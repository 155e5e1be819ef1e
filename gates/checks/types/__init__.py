"""The check types, one file each: keys in the gate file, judgement and description.

A new check type is a file here and a line in `registry.py`.
"""
