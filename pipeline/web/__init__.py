"""What a running monitor tells by HTTP, and takes."""
