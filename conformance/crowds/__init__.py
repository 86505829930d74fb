"""Histories of several clients at once: run, explained by an order, or told as a contradiction."""
