"""Networks in torch: backbones with their weights, the classifier, and its ONNX graph."""
