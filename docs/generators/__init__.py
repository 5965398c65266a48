"""Makes the reference pages from the code; ``docs/generate.py`` writes them."""

NOTE = "<!-- Made from the code by `make docs`; do not edit. -->\n"
