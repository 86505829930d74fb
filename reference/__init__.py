"""The model: an interpreter of the text over immutable values."""
