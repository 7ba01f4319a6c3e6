"""What sensors and triggers wait for: invitations, and the answers of attendees. No I/O."""
