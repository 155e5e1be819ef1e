"""Is the training alive and does it fit: stalls, traces of a hang, memory, disk, GPU."""
