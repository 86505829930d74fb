"""A search that is spread over processes: units of work, who does them, and how what they found is merged."""
