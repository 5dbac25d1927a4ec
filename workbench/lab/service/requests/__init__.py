"""A request as people see it: its state, its result, the code that loads what was released."""
