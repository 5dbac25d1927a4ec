"""Alembic migrations of a domain's database."""
