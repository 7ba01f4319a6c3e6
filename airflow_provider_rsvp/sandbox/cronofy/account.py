"""How Cronofy shows an account, its profiles and its calendars."""

from __future__ import annotations

from airflow_provider_rsvp.sandbox.tokens import Grant
from airflow_provider_rsvp.sandbox.world import Mailbox


def providers(account: Mailbox) -> list[str]:
    """List the providers that the account has calendars of."""
    return list(dict.fromkeys(calendar.provider for calendar in account.calendars.values()))


def profile_id(account: Mailbox, provider: str) -> str:
    """Return the id of the account's profile at that provider."""
    return f"pro_{account.id.removeprefix('acc_')}_{provider}"


def show_calendar(calendar_id: str, account: Mailbox) -> dict[str, object]:
    """Show a calendar."""
    calendar = account.calendars[calendar_id]
    return {
        "provider_name": calendar.provider,
        "profile_id": profile_id(account, calendar.provider),
        "profile_name": account.person.address,
        "calendar_id": calendar.id,
        "calendar_name": calendar.name,
        "calendar_readonly": calendar.read_only,
        "calendar_deleted": False,
        "calendar_primary": calendar.primary,
        "calendar_integrated_conferencing_available": False,
        "calendar_attachments_available": False,
        "permission_level": "sandbox",
    }


def show_profile(provider: str, account: Mailbox) -> dict[str, object]:
    """Show a profile."""
    return {
        "provider_name": provider,
        "profile_id": profile_id(account, provider),
        "profile_name": account.person.address,
        "profile_connected": True,
        "profile_initial_sync_required": False,
    }


def show_userinfo(account: Mailbox, grant: Grant) -> dict[str, object]:
    """Show who the account belongs to, and all it can reach."""
    return {
        "sub": account.id,
        "email": account.person.address,
        "name": account.person.name,
        "zoneinfo": account.zone,
        "cronofy.type": "account",
        "cronofy.data": {
            "authorization": {
                "scope": " ".join(sorted(grant.scopes)),
                "status": "active",
            },
            "profiles": [
                {
                    **show_profile(provider, account),
                    "profile_calendars": [
                        show_calendar(each, account)
                        for each, calendar in account.calendars.items()
                        if calendar.provider == provider
                    ],
                }
                for provider in providers(account)
            ],
        },
    }


def show_account(account: Mailbox, grant: Grant) -> dict[str, object]:
    """Show the account and the scopes of the token."""
    return {
        "account_id": account.id,
        "email": account.person.address,
        "name": account.person.name,
        "scope": " ".join(sorted(grant.scopes)),
        "default_tzid": account.zone,
    }
