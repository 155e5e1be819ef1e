"""The cockpit: Prefect's pages as the place where runs are started, watched and started again."""
