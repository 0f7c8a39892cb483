"""What a person sees of a running sampler: pictures of its sessions as they go on, a stream of what
changes in them, the page and the terminal that draw it. Nothing here decides anything.
"""
