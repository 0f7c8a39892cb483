"""The command `holdfast sampler`."""
