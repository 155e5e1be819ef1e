"""What a pipeline is asked to do: files, overrides and requests, checked before anything starts."""
