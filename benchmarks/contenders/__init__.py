"""Ways of sending many replies; each runs in a process of its own, started by :mod:`benchmarks.runs`."""
