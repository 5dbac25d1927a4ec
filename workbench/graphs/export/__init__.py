"""From a researcher's Python function to a record graph, on the researcher's machine."""
