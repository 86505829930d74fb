"""The fast server: a compiled core where one could be built, plain Python where not, and the commands around it."""
