"""Puts the parts together: beside the commands, the only room that knows the configuration.

configuration ─> recognition (the networks, open: detector, embedder, crop, quality)
              ─> gallery (the people, in the database and in memory)
              ─> run: capture ─> detect ─> track ─> align ─> embed ─> match ─> decide ─> publish
                                             ^                                  │
                                             └───────── feedback board ─────────┘
"""
