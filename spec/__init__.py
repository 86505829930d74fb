"""What Redis does, written down: the notation's loader and checker, and the text itself."""
