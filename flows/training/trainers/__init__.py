"""What can be trained: our own trainer, or any command, also in a container."""
