"""Prove that a flat program keeps records apart, or refuse it.

A program is a list of calls of ATen operators on whole chunks of records. It comes from tracing
``vmap`` and autograd, which this package knows nothing of and does not trust: `walk` reads the very
list that runs, node by node, and finds for each value one of

- *public*: no record has any part in it. `Value.same` tells along which dimensions all its entries
  are known to be equal;
- *per record*: `Value.place` tells where the records lie: dimension ``dim`` has size
  ``before * records * after``, and the entry ``(b * records + r) * after + a`` of it belongs to
  record ``r`` and was computed from record ``r`` and public values alone, alike at each place;
- *a total*: a sum over records. It may leave the program, and no operator may compute with it.

Each operator has one rule (`rules`, its table is `rules.table`). A rule either says where the
records of the result lie, or refuses. What has no rule is refused. The invariants that each rule
keeps:

1. Entry by entry, a per-record result needs entries of one record only, the same one.
2. A public operand that meets a per-record one is equal along the records' dimension. Else a term
   would depend on a record's place in the chunk, which a neighbour that joins would move.
3. Whatever is looked up by a private index is looked up within bounds that the program itself
   ensures (`Value.bounds`), since a failure would tell the index.
4. No operator writes into its arguments, leaves memory unset, or has an empty operand.
5. What adds up or compares the numbers of a record finds them together in memory, one record behind
   the other; else several records would be added up at once, in an order that their number sets.

Shapes and dtypes are found by calling each operator on tensors without data (``device="meta"``).

What this does not prove: that a kernel computes what its operator says, nor the last bits of
rounding. docs/privacy.md says what these rest on.
"""
