"""Unknown people in a run, and what is kept of sightings."""
