"""How long things are kept: backup and restore, retention, forgetting with proof, the audit file."""
