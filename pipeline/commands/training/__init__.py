"""What `train` is made of: the faces of people's photos, who is for what, the run, its figures, and its export."""
