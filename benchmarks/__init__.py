"""Programs that measure; `run_pipeline.py bench NAME` runs them."""
