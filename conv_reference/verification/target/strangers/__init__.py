"""From a stranger's convolution to a target: how it is called is found by trial on a tiny case."""
