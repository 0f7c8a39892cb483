"""A DA layer as commands meet it: a node over HTTP, in a thread of its own, with certificates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web
from blob_specimens import blob_of
from threaded import in_a_thread

from da_node.coding import BlobId, EncodedBlob
from da_node.service import HoldfastError, NotFound, UnknownBlob, problem_of


@dataclass
class DaLayer:
    """Honest, and certified only where the test says so."""

    certificates: dict[BlobId, bytes] = field(default_factory=dict)
    blobs: dict[BlobId, EncodedBlob] = field(default_factory=dict)
    url: str = ""

    def hold(self, rows: int, certificate: bytes | None = None) -> BlobId:
        blob = blob_of(rows)
        self.blobs[blob.blob_id] = blob
        if certificate is not None:
            self.certificates[blob.blob_id] = certificate
        return blob.blob_id

    async def answer(self, request: web.Request) -> web.Response:
        parts = request.path.split("/")
        try:
            blob_id = BlobId.from_hex(parts[3]) if len(parts) > 3 else None
            return self._answer(blob_id, parts[-1], request)
        except HoldfastError as error:
            problem = problem_of(error)
            return web.Response(
                status=problem.status, headers=problem.headers(), body=problem.body()
            )

    def _answer(self, blob_id: BlobId | None, what: str, request: web.Request) -> web.Response:
        if blob_id is None or blob_id not in self.blobs:
            raise UnknownBlob(blob_id=what)
        blob = self.blobs[blob_id]
        if what == "header":
            return web.Response(body=blob.header.serialize())
        if what == "certificate":
            if blob_id not in self.certificates:
                raise NotFound(what="certificate of blob", value=blob_id.hex0x)
            return web.Response(body=self.certificates[blob_id])
        assert what == "points"
        wanted = [int(index) for index in request.query["point"].split(",")]
        return web.Response(body=b"".join(blob.point(index).serialize() for index in wanted))


@contextmanager
def served() -> Iterator[DaLayer]:
    layer = DaLayer()
    application = web.Application()
    application.router.add_get("/{path:.*}", layer.answer)
    with in_a_thread(application) as url:
        layer.url = url
        yield layer
