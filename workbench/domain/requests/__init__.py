"""Requests: checked at intake, stored, decided, and told about."""
