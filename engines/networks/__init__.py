"""Networks in torch, and where their weights come from; imported only to build engines or as the reference."""
