"""Pictures of sightings: the best shot and its frame."""
