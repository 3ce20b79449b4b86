"""Where a face was seen before: an index over the sightings that were kept."""
