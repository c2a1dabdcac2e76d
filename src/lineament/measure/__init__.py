"""Figures about answers: classification scores, calibration, and how sure one can be of either."""
