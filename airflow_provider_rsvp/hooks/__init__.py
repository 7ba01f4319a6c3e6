"""A hook for each calendar service: an Airflow connection becomes a calendar client."""
