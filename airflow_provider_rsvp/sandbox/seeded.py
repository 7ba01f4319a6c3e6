"""All services in one state, and the way back to the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow_provider_rsvp.sandbox.bitrix24 import Bitrix24
from airflow_provider_rsvp.sandbox.cronofy import Cronofy
from airflow_provider_rsvp.sandbox.google import Google
from airflow_provider_rsvp.sandbox.graph import Graph
from airflow_provider_rsvp.sandbox.options import Options
from airflow_provider_rsvp.sandbox.state import State
from airflow_provider_rsvp.sandbox.wire import Service

SERVICES: tuple[Callable[[State], Service], ...] = (Cronofy, Bitrix24, Graph, Google)


class SeededState(State):
    """A state that the services have filled; a reset starts again from the options given at first."""

    def __init__(self, options: Options) -> None:
        self._first = options
        self.reset({})

    def reset(self, changes: Mapping[str, object]) -> None:
        """Everything as at the start, with these changes to the options."""
        self.begin(self._first.updated(changes))
        self.services: dict[str, Service] = {}
        for kind in SERVICES:
            service = kind(self)
            self.services[service.name] = service
            service.begin()
