"""The templates of comments: a small language, bounded in time and output."""
