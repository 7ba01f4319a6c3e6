"""Regular expressions and globs, matched in time that grows with the text and no faster."""
