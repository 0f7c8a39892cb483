"""The sub-commands of `holdfast bridge`."""
