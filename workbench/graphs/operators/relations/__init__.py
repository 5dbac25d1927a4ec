"""What the arguments of one call have to do with each other, by family of operators.

Each relation takes the arguments by name and returns None, or what is wrong and would be right.
"""
