"""The corpus: every hostile invitation, on every service that carries it, through every consumer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hostile.corpus.invitations import INVITATIONS
from hostile.corpus.mailbox import Mailbox
from hostile.corpus.mailboxes import SERVICES, corpus_airflow
from hostile.corpus.verdicts import bad, run, table

pytestmark = [pytest.mark.any_airflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def airflow() -> Iterator[tuple[dict[str, Mailbox], set[str]]]:
    with corpus_airflow() as running:
        yield running


@pytest.mark.timeout(900)
@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_hidden_hung_leaked_mailed_twice_or_misleading(
    service: str, airflow: tuple[dict[str, Mailbox], set[str]]
) -> None:
    boxes, secrets = airflow

    matrix = run(boxes[service], INVITATIONS, secrets)

    print(table(matrix))
    found = bad(matrix)
    assert not found, f"{service}:\n{found}"
