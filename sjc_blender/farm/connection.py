# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a scheduler, and the keys that encrypt the connection."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from distributed import Security

from ..protocol.errors import SjcError
from .keys import CERTIFICATE, KEY, ROOT

PORT = 8786


@dataclass(frozen=True)
class Connection:
    """A scheduler's address and the keys of this machine.

    Attributes
    ----------
    host : str
    port : int
        0: any free one (for a scheduler).
    keys : Path or None
        This machine's folder of `keys.make_keys`; None: nothing is encrypted, which loopback alone may be.
    """

    host: str
    port: int
    keys: Path | None

    @property
    def address(self) -> str:
        """The address as Dask writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.protocol}://{host}:{self.port}"

    @property
    def protocol(self) -> str:
        """``tls`` or ``tcp``."""
        return "tls" if self.keys is not None else "tcp"

    def security(self) -> Security | None:
        """Return Dask's settings; SjcError ``bad_keys`` if a file is missing."""
        if self.keys is None:
            return None
        root, certificate, key = (self.keys / name for name in (ROOT, CERTIFICATE, KEY))
        missing = [path.name for path in (root, certificate, key) if not path.is_file()]
        if missing:
            raise SjcError(
                "bad_keys",
                f"{self.keys} is not the folder of a machine's keys: {', '.join(missing)} missing.",
                "Make them with `farm keys`, and copy the folder of this machine here.",
            )
        pair = {"cert": str(certificate), "key": str(key)}
        return Security(
            tls_ca_file=str(root),
            require_encryption=True,
            **{f"tls_{role}_{part}": path for role in ("client", "scheduler", "worker") for part, path in pair.items()},
        )


def connection(text: str, keys: Path | None) -> Connection:
    """Read ``HOST`` or ``HOST:PORT``, with ``tls://`` or ``tcp://`` before it or not.

    Raises
    ------
    SjcError
        ``bad_address``, or ``farm_not_encrypted`` for another machine without `keys`: whoever reaches a scheduler can
        run anything on its workers.
    """
    bare = text.strip().removeprefix("tls://").removeprefix("tcp://")
    host, colon, digits = bare.rpartition(":")
    if not colon or (bare.count(":") > 1 and not bare.startswith("[")):
        host, digits = bare, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not digits.isdecimal() or not 0 <= int(digits) <= 65535:
        raise SjcError("bad_address", f"{text!r} is not an address of a scheduler.", "Give HOST or HOST:PORT.")
    if keys is None and not _is_loopback(host):
        raise SjcError(
            "farm_not_encrypted",
            f"{host} is not this machine alone, and there are no keys: anybody in the network could run programs here.",
            "Make keys with `farm keys KEYS server node1`, copy each machine's folder to it, and add --keys FOLDER.",
        )
    return Connection(host, int(digits), keys)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
