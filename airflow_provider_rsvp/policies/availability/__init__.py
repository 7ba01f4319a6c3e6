"""When a person can be met: zone, hours, holidays, leave, and the next free slot."""
