"""Inference without torch: engines, and the predictor that turns files into answers."""
