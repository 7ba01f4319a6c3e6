"""Everything that a reset throws away, in one place that all services look at."""

from __future__ import annotations

from airflow_provider_rsvp.sandbox.faults import Faults
from airflow_provider_rsvp.sandbox.log import RequestLog
from airflow_provider_rsvp.sandbox.options import Options
from airflow_provider_rsvp.sandbox.tokens import Tokens
from airflow_provider_rsvp.sandbox.world import World


class State:
    """World, tokens, faults and log; it knows no service."""

    def __init__(self, options: Options) -> None:
        self.begin(options)

    def begin(self, options: Options) -> None:
        """Discard everything, and start empty with these options."""
        self.options = options
        self.world = World()
        self.tokens = Tokens(options.token_lifetime)
        self.faults = Faults()
        self.log = RequestLog()
