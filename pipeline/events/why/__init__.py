"""Why a face got its name, or none."""
