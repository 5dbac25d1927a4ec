"""Signed evidence of each release, and its verification offline."""
