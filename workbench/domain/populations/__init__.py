"""Whose data a domain holds, and what all releases about them may cost together."""
