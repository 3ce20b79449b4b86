"""What a run has done, for summaries, status and Prometheus."""
