"""An Airflow home of this process's own; to be imported before Airflow is imported for the first time."""

from __future__ import annotations

import base64
import os
import tempfile

_HOME = tempfile.TemporaryDirectory(prefix="rsvp-tests-")
os.environ.update(
    AIRFLOW_HOME=_HOME.name,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__FERNET_KEY=base64.urlsafe_b64encode(os.urandom(32)).decode(),
    AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
)
# A connection or database of the developer's own has no place in the tests.
for _name in [name for name in os.environ if name.startswith(("AIRFLOW_CONN_", "AIRFLOW__DATABASE__"))]:
    del os.environ[_name]
