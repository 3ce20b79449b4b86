"""The gallery in the database: people, templates, watchlists, and the numbered history of their changes."""
