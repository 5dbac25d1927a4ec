"""Requests: checked at intake, stored, decided, and shown."""
