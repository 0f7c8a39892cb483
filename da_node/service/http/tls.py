"""HTTPS: the context that a service listens with."""

from __future__ import annotations

import ssl
from pathlib import Path

from da_node.errors import BadConfiguration


def tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """None without a certificate and its key (PEM files). Raises BadConfiguration."""
    if certificate is None or key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2

    def no_pass_phrase() -> str:
        # OpenSSL would ask for it on the terminal, and keep signals waiting.
        raise BadConfiguration(
            source="settings", name="tls_key", reason=f"{key} needs a pass phrase; give one without"
        )

    try:
        context.load_cert_chain(certificate, key, password=no_pass_phrase)
    except (OSError, ssl.SSLError) as error:
        raise BadConfiguration(
            source="settings", name="tls_cert", reason=f"{certificate}, {key}: {error}"
        ) from error
    return context
