"""What a model's files become: ONNX, an engine, and how far the engine is from the network it was made of."""
