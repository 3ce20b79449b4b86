"""Events to Redis, and from there to subscribers."""
