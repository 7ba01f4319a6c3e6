"""The way to a service: pooled connections, tokens, throttling, repeating, redaction."""
