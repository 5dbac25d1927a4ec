"""From a Python training function to a validated, bounded record graph, and back without trust."""
