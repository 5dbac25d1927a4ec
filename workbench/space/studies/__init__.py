"""Studies: notebooks run with parameters, whose folder says what ran, what it cost, what it gave.

``run`` runs one here, `StudyProcess` in a process of its own; ``check`` reads a folder again.
"""
