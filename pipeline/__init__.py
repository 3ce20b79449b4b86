"""The life of a frame: capture, detect, track, align, embed, match, publish."""
