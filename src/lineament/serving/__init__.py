"""Serving: bundles behind HTTP, and the page that a person sees. Needs the extra ``serve``."""
