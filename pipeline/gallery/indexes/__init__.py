"""Nearest-neighbour search: one protocol (index.py), and exact, HNSW and ML-ANN behind it."""
