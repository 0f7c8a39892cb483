"""`py_ecc`, an independent implementation of the same signatures, to judge ours by.

Importing it raises the recursion limit of the whole process; here it is put back, or tests of
other parts would overflow the stack.
"""

import sys

_limit = sys.getrecursionlimit()
try:
    from py_ecc.bls import G2ProofOfPossession
    from py_ecc.bls.point_compression import compress_G1, compress_G2, modular_squareroot_in_FQ2
    from py_ecc.optimized_bls12_381 import (
        FQ,
        FQ2,
        b,
        b2,
        curve_order,
        is_inf,
        is_on_curve,
        multiply,
    )
finally:
    sys.setrecursionlimit(_limit)

__all__ = [
    "FQ",
    "FQ2",
    "G2ProofOfPossession",
    "b",
    "b2",
    "compress_G1",
    "compress_G2",
    "curve_order",
    "is_inf",
    "is_on_curve",
    "modular_squareroot_in_FQ2",
    "multiply",
]
