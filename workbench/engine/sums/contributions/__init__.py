"""What each privacy unit adds to the gradient of a parameter, in forms that are cheap to clip.

A contribution gives its norm per unit with a bound on the norm's own rounding, and the weighted sum
over units (book-keeping: Bu et al. 2023, arXiv:2210.00038). `exact` tells two kinds of sums apart:

- *exact*: float64 sums of products of float32 numbers, off by at most `float64_share` of C;
- else float32: over `m` units with clipped norms of at most C together, entry by entry the error is
  at most ``gamma(m) * sum_u weights[u] * |gradient_u|`` (Higham 2002, section 3.1), so over all
  entries ``m * gamma(m) * C``. `workbench.engine.sums.clipping` takes that off the clipping bound.
"""
