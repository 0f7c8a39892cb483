"""A sampler on one machine, beside a local committee: for `holdfast devnet`, the demonstration and
tests. Its key is a throw-away key, as the committee's are.
"""

from sampler.devnet.keys import key_in
from sampler.devnet.parts import SAMPLER, sampler_address, sampler_part, watcher_keystore

__all__ = ["SAMPLER", "key_in", "sampler_address", "sampler_part", "watcher_keystore"]
