"""Commands that are ordinary Python functions."""
