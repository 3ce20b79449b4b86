"""Pixels that are in a GPU's memory; stages' own files named on_device.py work with them."""
