"""The example DAGs at work: on the sandbox, through Airflow itself."""
