"""The coding scheme: a payload becomes a blob of 128 columns, each provable, any 64 enough.

Pure and synchronous: no clock, no I/O, no pool of its own. Heavy arithmetic runs in a C kernel
without the interpreter lock, over as many threads as the caller says; curve work goes through the
`Kzg` that the caller hands in. Normative text: the coding scheme in `docs/`.
"""

from da_node.coding.blob import EncodedBlob, encode, merkle_root_of
from da_node.coding.column import (
    Column,
    ColumnFrame,
    Point,
    VerifiedColumn,
    VerifiedLeaves,
    VerifiedPoint,
)
from da_node.coding.header import Header
from da_node.coding.kzg import Kzg, LocalKzg, local_prover, local_verifier
from da_node.coding.parameters import (
    CELL_BYTES,
    COLUMN_PATH_HASHES,
    COLUMNS,
    DATA_COLUMNS,
    DATA_POINTS,
    ELEMENT_BYTES,
    HASH_BYTES,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_ROWS,
    PIECE_BYTES,
    POINT_PATH_HASHES,
    POINTS,
    POINTS_PER_COLUMN,
    PROOF_BYTES,
    ROW_BYTES,
    column_bytes,
    column_leaves_bytes,
    leaf_bytes,
    point_bytes,
    row_count_of,
)
from da_node.coding.reading import (
    columns_of_range,
    data_leaves,
    decode_range,
    payload_bytes_per_column,
    payload_of,
)
from da_node.coding.recovery import recover, recover_from_points
from da_node.coding.values import BlobId, Commitment, MerkleRoot, Proof
from da_node.coding.verify import (
    readmit_column,
    readmit_frame,
    readmit_leaves,
    verify_columns,
    verify_many,
    verify_points,
)

__all__ = [
    "CELL_BYTES",
    "COLUMNS",
    "COLUMN_PATH_HASHES",
    "DATA_COLUMNS",
    "DATA_POINTS",
    "ELEMENT_BYTES",
    "HASH_BYTES",
    "HEADER_BYTES",
    "MAX_PAYLOAD_BYTES",
    "MAX_ROWS",
    "PIECE_BYTES",
    "POINTS",
    "POINTS_PER_COLUMN",
    "POINT_PATH_HASHES",
    "PROOF_BYTES",
    "ROW_BYTES",
    "BlobId",
    "Column",
    "ColumnFrame",
    "Commitment",
    "EncodedBlob",
    "Header",
    "Kzg",
    "LocalKzg",
    "MerkleRoot",
    "Point",
    "Proof",
    "VerifiedColumn",
    "VerifiedLeaves",
    "VerifiedPoint",
    "column_bytes",
    "column_leaves_bytes",
    "columns_of_range",
    "data_leaves",
    "decode_range",
    "encode",
    "leaf_bytes",
    "local_prover",
    "local_verifier",
    "merkle_root_of",
    "payload_bytes_per_column",
    "payload_of",
    "point_bytes",
    "readmit_column",
    "readmit_frame",
    "readmit_leaves",
    "recover",
    "recover_from_points",
    "row_count_of",
    "verify_columns",
    "verify_many",
    "verify_points",
]
