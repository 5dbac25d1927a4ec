"""The version of the package: the one place that says it, also for the build."""

__version__ = "0.2.0"
