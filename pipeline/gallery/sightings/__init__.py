"""Who was seen where and when, and the unknown people among them."""
