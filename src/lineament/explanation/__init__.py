"""Where a model looks: class activation maps laid over photos."""
