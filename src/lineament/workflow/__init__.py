"""Workflow: verbs that need more than one stage, composed of stages that do not know each other."""
