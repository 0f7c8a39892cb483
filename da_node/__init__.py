"""One blob on one node: code it, commit to it, keep it, serve it, prune it.

The other packages of Holdfast may use three doors of this one: `da_node.coding` (the rules of
the scheme), `da_node.client` (the typed client) and `da_node.service` (what every service shares).
"""

__version__ = "0.1.0"
