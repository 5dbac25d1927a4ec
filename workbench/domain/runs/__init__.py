"""Runs of approved requests, from the launch to the release or the failure."""
