"""Programs with the results that every implementation of the language gives, and the tests that run them."""
