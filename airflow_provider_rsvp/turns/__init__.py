"""
Who may answer an event now: one replier at a time.

A replier takes the turn for an event before it looks, and gives it back when the outcome is settled. The next one then
looks, and finds what stands. Turns reach as far as their *reaches* do: this process, this machine, the cluster.
"""

from airflow_provider_rsvp.turns.machine import MachineReach
from airflow_provider_rsvp.turns.process import ProcessReach
from airflow_provider_rsvp.turns.turns import Reach, Turn, Turns

__all__ = ["MachineReach", "ProcessReach", "Reach", "Turn", "Turns"]
