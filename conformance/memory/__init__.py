"""What outlives a run: failing examples, reviewed divergences, and the state of a search that goes on later."""
