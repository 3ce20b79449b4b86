"""From one embedder to another: whose templates are made anew, who is left behind, and what would change."""
