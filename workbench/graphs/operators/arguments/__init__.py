"""What an argument of an operator may be: small classes that the table of signatures is made of.

Each says whether a value is right (`fits`) and, in words, what would be (``str``).
"""
