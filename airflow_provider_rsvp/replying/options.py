"""How replies are sent: the options that every way of sending one takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyOptions:
    """
    How replies are sent.

    :param force: send although the status stands or the invitation is not as planned; once per task run at most
    :param verify: read back after a clear response too; always done where the response proves nothing
    :param degrade: write a proposed time into the comment where the service carries comments but no proposed times
    :param dry_run: look and check, and send nothing; the outcome is ``skipped`` where it would have been sent
    :param settle_timeout: seconds to read back until a reply shows
    """

    force: bool = False
    verify: bool = True
    degrade: bool = False
    dry_run: bool = False
    settle_timeout: float = 30.0
