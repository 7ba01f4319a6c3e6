"""Everything that a reset throws away, in one place that all services look at."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_rsvp.sandbox.bitrix24 import Bitrix24
from airflow_provider_rsvp.sandbox.cronofy import Cronofy
from airflow_provider_rsvp.sandbox.faults import Faults
from airflow_provider_rsvp.sandbox.google import Google
from airflow_provider_rsvp.sandbox.graph import Graph
from airflow_provider_rsvp.sandbox.log import RequestLog
from airflow_provider_rsvp.sandbox.options import Options
from airflow_provider_rsvp.sandbox.tokens import Tokens
from airflow_provider_rsvp.sandbox.wire import Service
from airflow_provider_rsvp.sandbox.world import World

SERVICES: tuple[type[Service], ...] = (Cronofy, Bitrix24, Graph, Google)


class State:
    """World, tokens, faults, log and services; a reset starts again from the options given at first."""

    def __init__(self, options: Options) -> None:
        self._first = options
        self.reset({})

    def reset(self, changes: Mapping[str, object]) -> None:
        """Everything as at the start, with these changes to the options."""
        self.options = self._first.updated(changes)
        self.world = World()
        self.tokens = Tokens(self.options.token_lifetime)
        self.faults = Faults()
        self.log = RequestLog()
        self.services: dict[str, Service] = {}
        for kind in SERVICES:
            service = kind(self)
            self.services[service.name] = service
            service.begin()
