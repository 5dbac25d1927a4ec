"""One file per family of operators whose parameters need no copy per record; `table` names them.

A rule takes what the operator was called with and the gradient of the loss with respect to its
output, and returns the factors of its parameters' gradients. Whatever has no rule falls back to
copies per record, which is always right and only slower.
"""
