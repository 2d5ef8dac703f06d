"""What every room stands on: whole files, tables, processes, stopwatches, versions."""
