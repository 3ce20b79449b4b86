"""How often live cameras are looked at."""
