"""Pure functions that the text names and does not spell out."""
