"""The check types of a gate: each one a model of its keys in the gate file and a pure function to a finding."""
