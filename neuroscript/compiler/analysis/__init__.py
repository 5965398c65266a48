"""Static analysis: type inference, escape analysis, counted loops and specialised procedures."""
