"""What Airflow is told about this provider; read in every Airflow process, so it imports nothing."""

from __future__ import annotations

from typing import Any


def _text(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _secret(label: str, description: str) -> dict[str, Any]:
    return _text(label, description, format="password")


def _flag(label: str, description: str) -> dict[str, Any]:
    return {
        "label": label,
        "description": description,
        "schema": {"type": ["boolean", "null"], "default": False},
    }


def _number(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["number", "null"]}}


_ALLOW_HTTP = _flag(
    "Allow plain http", "Send the token over plain http too. Loopback addresses need no permission."
)

_CRONOFY: dict[str, Any] = {
    "connection-type": "cronofy",
    "hook-name": "Cronofy",
    "hook-class-name": "airflow_provider_rsvp.hooks.cronofy.CronofyHook",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port"],
        "relabeling": {
            "host": "Host (instead of a data center)",
            "login": "Client ID",
            "password": "Access token",
        },
        "placeholders": {
            "host": "leave empty for Cronofy's own data centers",
            "login": "needed with a refresh token",
            "password": "leave empty when you give a refresh token",
        },
    },
    "conn-fields": {
        "data_center": _text(
            "Data center",
            "Where the Cronofy account lives. Default: us.",
            enum=["us", "au", "ca", "de", "sg", "uk"],
        ),
        "client_secret": _secret("Client secret", "Needed with a refresh token."),
        "refresh_token": _secret("Refresh token", "Used with the client ID and secret to get access tokens."),
        "calendar_id": _text("Calendar ID", "The calendar of tasks that name none, such as cal_…"),
        "allow_http": _ALLOW_HTTP,
    },
}

_BITRIX24: dict[str, Any] = {
    "connection-type": "bitrix24",
    "hook-name": "Bitrix24",
    "hook-class-name": "airflow_provider_rsvp.hooks.bitrix24.Bitrix24Hook",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port"],
        "relabeling": {
            "host": "Portal",
            "login": "Webhook user ID",
            "password": "Webhook code or whole webhook address",
        },
        "placeholders": {
            "host": "example.bitrix24.com",
            "login": "1",
            "password": "leave empty for OAuth",
        },
    },
    "conn-fields": {
        "client_id": _text("OAuth client ID", "Of the local application, such as local.…"),
        "client_secret": _secret("OAuth client secret", "Of the local application."),
        "refresh_token": _secret(
            "OAuth refresh token", "Replaced at each renewal; the newest is kept in a Variable."
        ),
        "access_token": _secret("OAuth access token", "Instead of a refresh token; ends after an hour."),
        "requests_per_second": _number(
            "Requests a second", "What the portal's plan allows for long. Default: 2; Enterprise: 5."
        ),
        "burst": _number(
            "Requests at once", "What the plan allows in a burst. Default: 50; Enterprise: 250."
        ),
        "token_url": _text(
            "Token address",
            "Default: https://oauth.bitrix.info/oauth/token/",
            format="url",
        ),
        "allow_http": _ALLOW_HTTP,
    },
}

_MSGRAPH_CALENDAR: dict[str, Any] = {
    "connection-type": "msgraph_calendar",
    "hook-name": "Microsoft Graph",
    "hook-class-name": "airflow_provider_rsvp.hooks.msgraph.MSGraphCalendarHook",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port"],
        "relabeling": {
            "host": "Host (instead of a cloud)",
            "login": "Client ID",
            "password": "Client secret",
        },
        "placeholders": {
            "host": "leave empty for Microsoft's own clouds",
            "login": "00000000-0000-0000-0000-000000000000",
            "password": "leave empty when you give a certificate or a token",
        },
    },
    "conn-fields": {
        "tenant_id": _text("Tenant ID", "The directory in which the application is registered."),
        "mailbox": _text(
            "Mailbox",
            "Whose calendar, for tasks that name none. Needed for an application; empty for the signed-in user.",
        ),
        "cloud": _text(
            "Cloud",
            "Default: global.",
            enum=["global", "us_gov_l4", "us_gov_l5", "china"],
        ),
        "api_version": _text("API version", "Default: v1.0.", enum=["v1.0", "beta"]),
        "refresh_token": _secret("Refresh token", "To answer as the user who signed in (delegated)."),
        "access_token": _secret("Access token", "A token obtained elsewhere; it is not renewed."),
        "certificate": _text(
            "Certificate", "PEM; with a private key, instead of a client secret.", format="multiline"
        ),
        "private_key": _secret("Private key", "PEM; the key of the certificate."),
        "private_key_passphrase": _secret("Private key passphrase", "If the private key is encrypted."),
        "login_host": _text("Login host", "Instead of the cloud's own.", format="url"),
        "allow_http": _ALLOW_HTTP,
    },
}

_GOOGLE_CALENDAR: dict[str, Any] = {
    "connection-type": "google_calendar",
    "hook-name": "Google Calendar",
    "hook-class-name": "airflow_provider_rsvp.hooks.google_calendar.GoogleCalendarHook",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port"],
        "relabeling": {
            "host": "Host (instead of Google's)",
            "login": "Client ID",
            "password": "Client secret",
        },
        "placeholders": {
            "host": "leave empty for Google's own",
            "login": "needed with a refresh token",
            "password": "needed with a refresh token",
        },
    },
    "conn-fields": {
        "service_account_key": _secret(
            "Service account key", "The whole JSON key file of a service account with domain-wide delegation."
        ),
        "mailbox": _text(
            "Mailbox",
            "Whose calendar, for tasks that name none. Needed for a service account; empty for the signed-in user.",
        ),
        "calendar_id": _text(
            "Calendar ID",
            "The calendar of tasks that name neither a calendar nor a mailbox. Default: primary.",
        ),
        "scope": _text(
            "Scope",
            "What a service account asks for. Default: https://www.googleapis.com/auth/calendar.events",
            format="url",
        ),
        "refresh_token": _secret("Refresh token", "Used with the client ID and secret to get access tokens."),
        "access_token": _secret("Access token", "A token obtained elsewhere; it is not renewed."),
        "login_host": _text("Login host", "Default: https://oauth2.googleapis.com", format="url"),
        "allow_http": _ALLOW_HTTP,
    },
}


_CALDAV: dict[str, Any] = {
    "connection-type": "caldav",
    "hook-name": "CalDAV",
    "hook-class-name": "airflow_provider_rsvp.hooks.caldav.CalDAVHook",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port"],
        "relabeling": {
            "host": "Server or CalDAV address",
            "login": "User",
            "password": "Password",
        },
        "placeholders": {
            "host": "calendar.example.com or https://cloud.example.com/remote.php/dav/",
            "login": "alice",
            "password": "where there is a second factor, an app password",
        },
    },
    "conn-fields": {
        "access_token": _secret("Access token", "Instead of a user and password (bearer token)."),
        "calendar_id": _text(
            "Calendar ID",
            "The calendar of tasks that name none, such as Default. Empty: the server's default.",
        ),
        "addresses": _text(
            "Own addresses",
            "The user's own mail addresses, with commas, where the server does not tell them.",
        ),
        "smtp_conn_id": _text(
            "Mail connection ID",
            "An smtp connection: for replies where the server sends none itself, and for proposed times.",
        ),
        "server": _text(
            "Server software",
            "Only where the server hides it. Default: auto.",
            enum=["auto", "cyrus", "sabre", "other"],
        ),
        "allow_http": _ALLOW_HTTP,
    },
}


_SERVICES = (
    (_CRONOFY, "https://docs.cronofy.com/developers/api/events/participation-status/"),
    (_BITRIX24, "https://apidocs.bitrix24.com/api-reference/calendar/"),
    (_MSGRAPH_CALENDAR, "https://learn.microsoft.com/graph/api/event-accept"),
    (_GOOGLE_CALENDAR, "https://developers.google.com/workspace/calendar/api/v3/reference/events"),
    (_CALDAV, "https://www.rfc-editor.org/rfc/rfc6638"),
)
"""The connection type of each service, and where the service documents what is used of it."""


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata."""
    return {
        "package-name": "airflow-provider-rsvp",
        "name": "RSVP",
        "description": "Answer calendar invitations: accept, tentatively accept or decline events as steps of a DAG.",
        "integrations": [
            {
                "integration-name": service["hook-name"],
                "external-doc-url": address,
                "tags": ["service"],
            }
            for service, address in _SERVICES
        ],
        "operators": [
            {
                "integration-name": "RSVP",
                "python-modules": [
                    "airflow_provider_rsvp.operators.set_participation_status",
                    "airflow_provider_rsvp.operators.list_invitations",
                    "airflow_provider_rsvp.operators.plan_replies",
                    "airflow_provider_rsvp.operators.approve_replies",
                    "airflow_provider_rsvp.operators.send_replies",
                    "airflow_provider_rsvp.operators.plan_undo",
                ],
            }
        ],
        "hooks": [
            {
                "integration-name": service["hook-name"],
                "python-modules": [service["hook-class-name"].rpartition(".")[0]],
            }
            for service, _ in _SERVICES
        ],
        "sensors": [
            {
                "integration-name": "RSVP",
                "python-modules": [
                    "airflow_provider_rsvp.sensors.participation_status",
                    "airflow_provider_rsvp.sensors.invitation",
                ],
            }
        ],
        "triggers": [
            {
                "integration-name": "RSVP",
                "python-modules": [
                    "airflow_provider_rsvp.triggers.participation_status",
                    "airflow_provider_rsvp.triggers.new_invitation",
                    "airflow_provider_rsvp.triggers.invitation",
                ],
            }
        ],
        "notifications": [
            "airflow_provider_rsvp.notifications.set_participation_status.SetParticipationStatusNotifier"
        ],
        "task-decorators": [
            {"class-name": "airflow_provider_rsvp.decorators.rsvp.rsvp_task", "name": "rsvp"},
        ],
        "connection-types": [service for service, _ in _SERVICES],
        "extra-links": ["airflow_provider_rsvp._tasks.links.EventLink"],
        "config": {
            "rsvp": {
                "description": "Answering calendar invitations.",
                "options": {
                    "policy_files_folder": {
                        "description": (
                            "The folder whose files a policy may name that comes from a Variable, a param or an "
                            "XCom. Empty: such policies may name no files. Policies that a DAG's author wrote may "
                            "name any.\n"
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/opt/airflow/policy_files",
                        "default": "",
                    }
                },
            }
        },
    }
