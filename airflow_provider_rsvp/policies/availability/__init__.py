"""When a person is available: zone, hours, holidays, leave, and the next free slot."""
