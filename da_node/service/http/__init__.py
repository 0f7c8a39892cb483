"""What every service's HTTP side is made of: connections with deadlines, bodies read within bounds,
routes as a table, errors as problem documents, bounds on what is under way. Nothing here knows
what a service serves.
"""
