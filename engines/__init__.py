"""The life of a network: fetch, define, build, run."""
