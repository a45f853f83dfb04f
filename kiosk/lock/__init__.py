"""The lock process: one output line, one deadline. Nothing else."""
