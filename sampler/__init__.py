"""Doubting a committee: whether a blob is really there, said in time, with an exact figure.

The pure floor: `confidence` (what a sample proves), `custody` (who keeps what, and who may be
silent), `plan` (what is asked, all of it fixed before the first question), `suspicion` (when
failures prove a committee's promise broken), `verdict` (what is signed). The coding scheme's last
section and the protocol's verdicts in `docs/` are the source.
"""
