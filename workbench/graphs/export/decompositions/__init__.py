"""Take operators apart into those that a record graph may use, with equal values and gradients."""
