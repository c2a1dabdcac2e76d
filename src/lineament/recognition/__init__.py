"""Faces: find them in photos, tell people apart, reject strangers; without torch."""
