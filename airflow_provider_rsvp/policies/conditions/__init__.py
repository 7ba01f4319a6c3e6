"""What a rule asks of an invitation."""
