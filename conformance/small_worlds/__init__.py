"""Every sequence of a small alphabet of requests, of one client or of several that wait."""
