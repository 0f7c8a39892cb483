"""The disperser: takes a rollup's payload, encodes it once, hands every member its arc, and gives
back the certificate as soon as enough members have signed. It is trusted with nothing but effort
and keeps no state that matters: killed at any moment, the rollup posts again.

`spreading` decides, `sending` does, `intake` lets those who post the same thing share the work.
"""
