"""The core's interfaces in plain Python, for where no C compiler is."""
