"""Triggers: waiting without a worker. They only read."""
