# SPDX-License-Identifier: GPL-3.0-or-later
"""A private certificate authority and a certificate per machine; without one nobody can read or submit anything."""

from __future__ import annotations

import datetime
import os
import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..protocol import atomic_write
from ..protocol.errors import SjcError

AUTHORITY = "authority"
CERTIFICATE, KEY, ROOT = "certificate.pem", "key.pem", "authority.pem"
YEARS = 5
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def make_keys(folder: Path, machines: list[str]) -> list[Path]:
    """Make a folder with a key, its certificate and the authority's certificate for each machine.

    Parameters
    ----------
    folder : Path
        Has, or gets, the authority in ``authority/``; its key signs and never has to leave this machine.
    machines : list of str
        Names of letters, digits, dots and dashes; a machine whose folder is there keeps its key.

    Returns
    -------
    list of Path
        The folders made, each to be copied to its machine.

    Raises
    ------
    SjcError
        ``bad_usage``, ``bad_keys``, ``folder_not_writable``, ``disk_full``.
    """
    for name in machines:
        if not NAME.fullmatch(name) or name == AUTHORITY:
            raise SjcError(
                "bad_usage",
                f"{name!r} is not a name of a machine; allowed: up to 63 letters, digits, dots and dashes, "
                f"and not {AUTHORITY!r}.",
                "Name each machine that takes part, for instance: farm keys KEYS server node1 node2",
            )
    key, root = _authority(folder / AUTHORITY)
    made = []
    for name in machines:
        target = folder / name
        if (target / CERTIFICATE).exists():
            continue
        machine_key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, machine_key.public_key(), root.subject, key, authority=False)
        _make_folder(target)
        atomic_write.write_text(target / ROOT, _pem(root))
        _write_key(target / KEY, machine_key)
        atomic_write.write_text(target / CERTIFICATE, _pem(certificate))
        made.append(target)
    return made


def _authority(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Read the authority, or make one."""
    if (folder / CERTIFICATE).exists():
        try:
            loaded = serialization.load_pem_private_key((folder / KEY).read_bytes(), None)
            root = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
        except (OSError, ValueError, TypeError) as error:
            raise SjcError(
                "bad_keys",
                f"The authority in {folder} cannot be read: {error}.",
                "Put it back from a copy, or choose another folder and make the keys of all machines anew.",
            ) from error
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise SjcError("bad_keys", f"The authority in {folder} was not made by this command.")
        return loaded, root
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sjc_blender farm")])
    root = _certificate("sjc_blender farm", key.public_key(), name, key, authority=True)
    _make_folder(folder)
    _write_key(folder / KEY, key)
    atomic_write.write_text(folder / CERTIFICATE, _pem(root))
    return key, root


def _certificate(
    name: str,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks of other machines
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
    )
    if not authority:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise atomic_write.file_error(error, folder) from error


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a private key that no other user can read at any time."""
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError as error:
        raise atomic_write.file_error(error, path) from error
