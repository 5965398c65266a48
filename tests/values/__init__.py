"""Values: their text, equality, numbers, and host conversion."""
