"""The gallery in memory: read, kept as a snapshot, followed while it changes, searched."""
