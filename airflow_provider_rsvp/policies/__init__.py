"""
Rules that turn invitations and a calendar into a plan of replies.

.. code-block:: python

    policy = Policy.load("policy.yaml")
    made = plan(policy, invitations, calendar, pendulum.now("UTC"))
    print(made.as_text())

Everything here is pure: it reads no calendar, sends nothing, and takes the current time as an argument.
"""

from __future__ import annotations

from airflow_provider_rsvp.exceptions import PolicyError
from airflow_provider_rsvp.policies.actions import Action, ProposeSlot, Verb
from airflow_provider_rsvp.policies.availability.availability import Availability, Hours, Leave
from airflow_provider_rsvp.policies.conditions.base import All, AnyOf, Condition, Not
from airflow_provider_rsvp.policies.conditions.event import (
    AllDay,
    AttendeeCount,
    Body,
    Category,
    Mailbox,
    Organizer,
    Recurring,
    Required,
    ResponseRequested,
    SensitivityIs,
    Status,
    Subject,
)
from airflow_provider_rsvp.policies.conditions.time import (
    Conflict,
    Duration,
    DuringLeave,
    LeadTime,
    OutsideWorkingHours,
)
from airflow_provider_rsvp.policies.planning import plan
from airflow_provider_rsvp.policies.policy import Policy, Rule

__all__ = [
    "Action",
    "All",
    "AllDay",
    "AnyOf",
    "AttendeeCount",
    "Availability",
    "Body",
    "Category",
    "Condition",
    "Conflict",
    "Duration",
    "DuringLeave",
    "Hours",
    "LeadTime",
    "Leave",
    "Mailbox",
    "Not",
    "Organizer",
    "OutsideWorkingHours",
    "Policy",
    "PolicyError",
    "ProposeSlot",
    "Recurring",
    "Required",
    "ResponseRequested",
    "Rule",
    "SensitivityIs",
    "Status",
    "Subject",
    "Verb",
    "plan",
]
