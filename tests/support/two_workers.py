"""A worker of its own for ``test_tokens``: waits for a line, then reads one invitation with a refresh token."""

from __future__ import annotations

import logging
import sys

from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import EventReference

logging.disable(logging.CRITICAL)
hook = get_calendar_hook("bitrix24_oauth")
sys.stdout.write("ready\n")
sys.stdout.flush()
sys.stdin.readline()
with hook:
    sys.stdout.write(hook.get_invitation(EventReference(event_id=sys.argv[1])).subject + "\n")
