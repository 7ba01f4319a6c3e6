"""How replies are sent: the options that every way to send a reply accepts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyOptions:
    """
    How replies are sent.

    :param force: send even if the status is already set or the invitation is not as planned; at most once per task run
    :param verify: read back even after a clear response; always done where the response proves nothing
    :param degrade: write a proposed time into the comment if the service carries comments but no proposed times
    :param dry_run: look and check, but send nothing; the outcome is ``skipped`` where a reply would have been sent
    :param settle_timeout: how long to keep reading back until the reply shows, in seconds
    :param turn_timeout: how long to wait while another task answers the same event, in seconds
    """

    force: bool = False
    verify: bool = True
    degrade: bool = False
    dry_run: bool = False
    settle_timeout: float = 30.0
    turn_timeout: float = 120.0
