"""Values: their text, equality, numbers, and the border to the host."""
