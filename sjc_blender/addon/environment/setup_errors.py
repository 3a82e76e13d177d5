# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of pip, uv and the system as SjcError."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from ...protocol.errors import SjcError

AGAIN = "then press Set Up Engine again; what was fetched so far is kept."

_KNOWN: tuple[tuple[str, str, str, str], ...] = (
    (
        "disk_full",
        r"no space left on device|os error (28|112)\b|not enough space on the disk|Errno 28\b|disk quota exceeded",
        "The disk became full while the engine was set up in {root}.",
        "Free some space, or choose another folder in the add-on's preferences, " + AGAIN,
    ),
    (
        "file_locked",
        r"os error (32|33)\b|being used by another process|WinError 32\b",
        "Another program holds a file in {root}.",
        "Close other Blenders that run the engine. If a virus scanner is looking into the folder, wait a minute "
        "or exempt the folder from it, " + AGAIN,
    ),
    (
        "proxy_refused",
        r"proxy authentication required|\b407\b|cannot connect to proxy|proxyerror|unsuccessful tunnel|tunnel error",
        "The proxy does not let the packages through.",
        "Set the environment variables HTTPS_PROXY and HTTP_PROXY as your network wants them (with user and password "
        "if it asks for them), restart Blender, " + AGAIN,
    ),
    (
        "certificate_refused",
        r"invalid peer certificate|unknownissuer|certificate[_ ]verify[_ ]failed|unable to get local issuer",
        "The certificate of the package server is not trusted: usually a company's proxy reads along.",
        "Name the company's certificates in the environment variable SSL_CERT_FILE, restart Blender, " + AGAIN,
    ),
    (
        "download_corrupt",
        r"hash mismatch|do not match the hashes|failed to (unzip|extract)|crc mismatch|bad zip|invalid zip",
        "A package arrived damaged: its contents are not what was published.",
        "Press Set Up Engine again; only the damaged package is fetched anew.",
    ),
    (
        "no_network",
        r"dns error|failed to lookup address|name or service not known|temporary failure in name resolution"
        r"|getaddrinfo failed|network is unreachable|connection refused|connection reset|connect timeout|timed out"
        r"|operation timed out|failed to establish a new connection|error sending request|connection (aborted|broken)",
        "The packages could not be fetched: there is no connection to {server}.",
        "Check the internet connection, " + AGAIN + " Without any connection, choose a folder of packages as "
        "the wheelhouse in the add-on's preferences.",
    ),
    (
        "download_refused",
        r"http status (client|server) error|\b(401|403|404|429|500|502|503|504) (client|server|forbidden|not found"
        r"|unauthorized|too many|internal|bad gateway|service|gateway)",
        "The package server {server} refused a download.",
        "Usually this passes: wait some minutes, " + AGAIN,
    ),
    (
        "no_installer_base",
        r"ensurepip is not available|no module named '?(ensurepip|venv)\b",
        "This Blender's Python cannot make environments: the modules venv and ensurepip are missing.",
        "Install them (Debian, Ubuntu: sudo apt install python3-venv), use the Blender from blender.org, or choose a "
        "Python of your own in the add-on's preferences.",
    ),
    (
        "wheelhouse_incomplete",
        r"no solution found|no matching distribution found|network connectivity is disabled|no usable wheels",
        "The folder of packages does not have all that the engine needs: {reason}",
        "Put the missing packages there: on a computer with the same system and the same Python version, `pip download "
        "--no-deps -r engine.txt -d FOLDER` fetches them, and without --no-deps those of torch.txt and tools.txt, "
        + AGAIN,
    ),
    (
        "packages_unavailable",
        r"no solution found|no matching distribution found|no wheels with a matching|not supported on this platform"
        r"|doesn't have a source distribution|building from source is disabled|no usable wheels",
        "The engine's packages do not exist for this system: {reason}",
        "The engine needs 64-bit Windows, Linux, or macOS on Apple silicon. A Python of your own that has them can "
        "be chosen in the add-on's preferences.",
    ),
    (
        "no_fitting_python",
        r"no interpreter found|failed to inspect python interpreter|no python .* found",
        "No Python was found that could be the engine's.",
        "Allow online access, so that one can be fetched, or choose a Python of your own in the add-on's preferences.",
    ),
    (
        "folder_not_writable",
        r"permission denied|access is denied|os error (5|13|30)\b|WinError 5\b|Errno 13\b|read-only file system",
        "{root} may not be written to.",
        "Choose another folder for the engine in the add-on's preferences. On Windows a virus scanner may be the "
        "cause: exempt the folder from it, " + AGAIN,
    ),
)


def told_output(output: str, root: Path, log: Path, *, wheelhouse: bool = False) -> SjcError:
    """Return the error for a failed program, by its output.

    Parameters
    ----------
    output : str
        All that it said.
    root : Path
        Folder of the environment.
    log : Path
        Where the whole output is.
    wheelhouse : bool
        Whether the packages came from a folder.
    """
    for code, pattern, message, hint in _KNOWN:
        if code == "wheelhouse_incomplete" and not wheelhouse:
            continue
        if re.search(pattern, output, re.IGNORECASE):
            told = message.format(root=root, server=_server(output), reason=_reason(output))
            return SjcError(code, told, hint)
    lines = [line.strip() for line in output.splitlines() if line.strip()][-5:]
    return SjcError(
        "setup_failed",
        "The set-up stopped. The last lines it said:\n" + "\n".join(f"  {line}" for line in lines),
        f"{log} has everything it said. Press Set Up Engine to try again; what was fetched so far is kept.",
    )


def told_os_error(error: OSError | ValueError, root: Path) -> SjcError:
    """Return the error for what the system did not do, or a name that it cannot have."""
    error = error if isinstance(error, OSError) else OSError(str(error))
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return told_output("no space left on device", root, root)
    if getattr(error, "winerror", None) in (32, 33):
        return told_output("os error 32", root, root)
    told = told_output("permission denied", root, root)
    return SjcError(told.code, f"{error.filename or root} may not be written to: {error.strerror or error}.", told.hint)


def _server(output: str) -> str:
    found = re.search(r"https?://([^/\s:)`']+)", output) or re.search(r"host='([^']+)'", output)
    return found.group(1) if found else "the package server"


def _reason(output: str) -> str:
    """Return the error with the cause."""
    causes = re.findall(r"(?:cause: |╰─▶ |ERROR: )(.+)", output)
    sentence = causes[-1].strip() if causes else output.strip().splitlines()[-1]
    return sentence if sentence.endswith(".") else sentence + "."
