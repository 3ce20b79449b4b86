"""Live events on disk, until Redis has them and a while longer."""
