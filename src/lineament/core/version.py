"""The one place that states the version; every artifact records it."""

__version__ = "0.1.0"
