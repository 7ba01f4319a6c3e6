"""Each calendar service's wire: its addresses, field names, codes and limits, without I/O."""
