"""How fast the package does its job, side by side with what one would take instead: ``make bench``."""
