"""The conditions of rules: what a rule checks about an invitation."""
