"""Requests to a service: pooled connections, tokens, throttling, retries, redaction."""
