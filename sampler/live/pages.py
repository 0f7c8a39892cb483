"""The page that draws what goes on: plain files, read once, that need nothing from elsewhere."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from typing import Final

from aiohttp import hdrs, web

from da_node.service.http.routes import Route

MEDIA: Final = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "live.js": "text/javascript; charset=utf-8",
    "figures.js": "text/javascript; charset=utf-8",
    "session.js": "text/javascript; charset=utf-8",
    "verdicts.js": "text/javascript; charset=utf-8",
    "evidence.js": "text/javascript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}
"""Every file, with its media type."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing comes from elsewhere, nothing goes there, and nothing written into the page runs."""


def page_routes() -> list[Route]:
    """The page at /, its files beside it. Reads them; OSError where the package lacks one."""
    folder = files(__package__) / "page"
    return [_route(name, (folder / name).read_bytes(), media) for name, media in MEDIA.items()]


def _route(name: str, body: bytes, media: str) -> Route:
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {
        hdrs.CONTENT_TYPE: media,
        hdrs.ETAG: tag,
        hdrs.CACHE_CONTROL: "no-cache",  # asked again each time, and answered by 304
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }

    async def get_file(request: web.Request) -> web.Response:
        if tag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers=headers)

    return Route(
        method="GET",
        path="/" if name == "index.html" else f"/page/{name}",
        handler=get_file,
        summary="The page that shows what goes on." if name == "index.html" else "A part of it.",
        answers={200: media.partition(";")[0], 304: ""},
    )
