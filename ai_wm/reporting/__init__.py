"""What the records of AI workers add up to, by worker and day, and the page that shows it."""
