"""Requests: checked, sent, followed and found again."""
