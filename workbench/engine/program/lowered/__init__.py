"""Operators of a record graph as equal functions of simpler ones.

The program that runs is made of a small core of operators, for each of which
`workbench.engine.program.checker` can tell where the records lie. An operator outside of that core,
or one whose gradient or batched form is outside of it, is computed here by operators that are
inside: for one record, under ``torch.func.vmap``, differentiated by autograd. Value and gradient
are PyTorch's, up to rounding; `tests/engine/test_operators.py` compares each.

Nothing here can fail for a record's values, writes in place, or leaves memory unwritten.

Shapes and dtypes: arguments are those of the ATen operator, for one record, and results have the
shape and dtype that PyTorch gives them. Losses, norms and products take floating tensors; indices
are integers, of any of their dtypes.
"""
