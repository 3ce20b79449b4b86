"""What the GPU does with pixels: kernels, their plain numpy versions, and how they are compiled and started."""
