"""The reply protocol, in one place for all services: sends one reply, once, and proves that it arrived."""

from airflow_provider_rsvp.replying.memory import Intent, NoMemory, ReplyMemory
from airflow_provider_rsvp.replying.options import ReplyOptions
from airflow_provider_rsvp.replying.protocol import set_participation_status

__all__ = ["Intent", "NoMemory", "ReplyMemory", "ReplyOptions", "set_participation_status"]
