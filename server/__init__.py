"""The fast server."""
