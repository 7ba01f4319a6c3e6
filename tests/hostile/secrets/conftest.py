"""All that any logger says while a test runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from support.secrets_said import Ear

from airflow_provider_rsvp.transport import tokens


@pytest.fixture(autouse=True)
def ear(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Ear]:
    monkeypatch.setattr(tokens, "WAIT_FOR_OTHER_WORKER", (0.01,))
    handler = Ear(capfd)
    names = ["", *logging.root.manager.loggerDict]
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.propagate = True
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)
    for logger, level, propagate in before:
        logger.setLevel(level)
        logger.propagate = propagate
