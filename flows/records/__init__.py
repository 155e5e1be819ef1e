"""What stands on disk: pipeline directories, their records, and the runs below a folder."""
