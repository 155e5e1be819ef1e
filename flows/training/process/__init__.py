"""A trainer as an operating-system process: started, asked to stop, restarted, kept off others' devices."""
