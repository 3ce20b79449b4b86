"""Training: faces of known people in, the weights of an embedder out."""
