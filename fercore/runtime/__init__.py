"""What every room stands on: whole files, processes, threads, stopwatches, versions."""
