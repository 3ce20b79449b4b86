"""What talks to CUDA: a driver's protocol, PyCUDA and a strict fake behind it, buffers, graphs."""
