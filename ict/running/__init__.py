"""From a configuration to a finished run folder: execution, workers, queue, Slurm. Starts without torch."""
