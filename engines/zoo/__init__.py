"""From the description of a model to verified files."""
