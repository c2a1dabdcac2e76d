"""Tracking: trainings told to Weights & Biases, MLflow and TensorBoard."""
