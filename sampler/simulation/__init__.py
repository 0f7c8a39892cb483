"""Many samplers against adversaries, a hundred million sessions a minute: what is measured beside
what the plan promises. Chance comes in as numpy's generator; nothing here talks to anybody.
"""
