"""One node without its HTTP side: what it decides, and the short loops that act on it.

`Node` (in `node`) is the whole; `intake` takes payloads in, `reading` answers, `recovering`
repairs, `rebuilding` brings what is lacking here from other nodes, `pruning` and `scrubbing` run
by themselves. `admission`, `rate_limit`, `pacing` and `clock_watch` are pure and decide.
"""
