"""Numbers of what was learned, and their intervals."""
