"""The commands `holdfast committee` and `holdfast certificate`. None needs a network."""
