"""Operators: calendar invitations as steps of a DAG."""
