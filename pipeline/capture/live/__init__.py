"""Cameras: called, read, decoded, and called again."""
