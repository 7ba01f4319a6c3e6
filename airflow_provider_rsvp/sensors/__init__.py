"""Sensors: waiting for invitations and for answers."""
