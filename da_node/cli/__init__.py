"""The command line: `holdfast` and the sub-commands that this package brings."""
