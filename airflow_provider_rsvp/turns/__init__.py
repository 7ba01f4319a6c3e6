"""
Who may answer an event now: one replier at a time.

A replier takes the event's turn before it looks at the event, and gives it back when the outcome is settled. The next
replier then sees the status as it is. A turn keeps out the repliers within its *reaches*: this process, this machine,
the cluster.
"""

from airflow_provider_rsvp.turns.machine import MachineReach
from airflow_provider_rsvp.turns.process import ProcessReach
from airflow_provider_rsvp.turns.turns import Reach, Turn, Turns

__all__ = ["MachineReach", "ProcessReach", "Reach", "Turn", "Turns"]
