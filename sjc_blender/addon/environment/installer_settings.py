# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's settings of pip and uv that the installers get: the sources of packages and nothing else.

Where packages come from (indexes, folders), through which proxy and by whose certificates is the user's affair, or
their company's. Everything else in those settings (a target folder, constraints, a forbidden binary, an offline mode)
was made for other projects and would break this set-up.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ...protocol.home import home_folder

LARGEST_FILE = 1_000_000

_FOREIGN = ("PIP_", "UV_", "PYTHON", "CONDA_", "VIRTUAL_ENV", "PIPENV_", "POETRY_", "__PYVENV")
_KEPT = re.compile(r"UV_INDEX_\w+_(USERNAME|PASSWORD)|UV_KEYRING_PROVIDER|UV_SYSTEM_CERTS|UV_NATIVE_TLS")


@dataclass(frozen=True)
class InstallerSettings:
    """Sources of packages; what is not set is empty.

    Attributes
    ----------
    index : str
        Address of the package index, in place of the public one.
    extra_indexes, links, trusted : tuple of str
        Further indexes; folders and pages with packages; hosts whose certificates need not be valid.
    proxy, certificates, client_certificate : str
        Address of the proxy; files.
    """

    index: str = ""
    extra_indexes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    proxy: str = ""
    certificates: str = ""
    client_certificate: str = ""

    def before(self, other: InstallerSettings) -> InstallerSettings:
        """Return these settings, with those of `other` where these are empty."""
        return InstallerSettings(
            **{field.name: getattr(self, field.name) or getattr(other, field.name) for field in fields(self)}
        )

    def pip_options(self) -> list[str]:
        """Return the options of pip."""
        options = [("--index-url", _address(self.index)), ("--proxy", self.proxy), ("--cert", self.certificates)]
        options += [("--client-cert", self.client_certificate)]
        options += [("--extra-index-url", _address(index)) for index in self.extra_indexes]
        options += [("--find-links", link) for link in self.links]
        options += [("--trusted-host", host) for host in self.trusted]
        return [word for name, value in options if value for word in (name, value)]

    def variables(self) -> dict[str, str]:
        """Return the environment variables of uv."""
        variables = {
            "UV_DEFAULT_INDEX": self.index,
            "UV_INDEX": " ".join(self.extra_indexes),
            # Versions are pinned and hashed: of several indexes any may have them, as for pip.
            "UV_INDEX_STRATEGY": "unsafe-best-match" if self.extra_indexes else "",
            "UV_FIND_LINKS": ",".join(self.links),
            "UV_INSECURE_HOST": " ".join(self.trusted),
            "HTTPS_PROXY": self.proxy,
            "HTTP_PROXY": self.proxy,
            "SSL_CERT_FILE": self.certificates,
            "SSL_CLIENT_CERT": self.client_certificate,
        }
        return {name: value for name, value in variables.items() if value}


def installer_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Environment variables for an installer: none that tell pip, uv or Python how to work.

    Logins for indexes and the system's proxies stay.
    """
    return {
        name: value for name, value in environ.items() if not name.upper().startswith(_FOREIGN) or _KEPT.fullmatch(name)
    }


def from_variables(environ: Mapping[str, str]) -> InstallerSettings:
    """Read the environment variables of pip and uv; those of uv take precedence."""
    uv = InstallerSettings(
        index=environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL", ""),
        extra_indexes=_words(environ.get("UV_INDEX") or environ.get("UV_EXTRA_INDEX_URL", "")),
        links=tuple(filter(None, environ.get("UV_FIND_LINKS", "").split(","))),
        trusted=_words(environ.get("UV_INSECURE_HOST", "")),
        certificates=environ.get("SSL_CERT_FILE", ""),
        client_certificate=environ.get("SSL_CLIENT_CERT", ""),
    )
    pip = {name[4:].lower(): value for name, value in environ.items() if name.startswith("PIP_")}
    others = InstallerSettings(certificates=environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE", ""))
    return uv.before(_of_pip(pip)).before(others)


def from_pip_list(said: str) -> InstallerSettings:
    """Read what ``pip config list`` says of pip's files: lines such as ``global.index-url='https://...'``."""
    found: dict[str, str] = {}
    for line in said.splitlines():
        name, _, value = line.strip().partition("=")
        section, _, key = name.partition(".")
        try:
            text = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if section in ("global", "install") and isinstance(text, str):
            found[key.replace("-", "_")] = text  # sorted: what is for `install` alone comes last, and holds
    return _of_pip(found)


def from_uv_files(environ: Mapping[str, str], platform: str = sys.platform) -> InstallerSettings:
    """Read uv's own files, the user's before the system's."""
    found = InstallerSettings()
    for path in _uv_files(environ, platform):
        try:
            if path.is_file() and path.stat().st_size <= LARGEST_FILE:
                found = found.before(_of_uv(tomllib.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, RecursionError):
            continue  # uv itself is not shown the file either
    return found


def _of_pip(settings: Mapping[str, str]) -> InstallerSettings:
    return InstallerSettings(
        index=settings.get("index_url", ""),
        extra_indexes=_words(settings.get("extra_index_url", "")),
        links=_words(settings.get("find_links", "")),
        trusted=_words(settings.get("trusted_host", "")),
        proxy=settings.get("proxy", ""),
        certificates=settings.get("cert", ""),
        client_certificate=settings.get("client_cert", ""),
    )


def _of_uv(settings: Mapping[str, Any]) -> InstallerSettings:
    pip = settings.get("pip")
    settings = {**settings, **pip} if isinstance(pip, dict) else settings
    named = settings.get("index")
    indexes = [entry for entry in named if isinstance(entry, dict)] if isinstance(named, list) else []
    default = next((entry.get("url") for entry in indexes if entry.get("default") is True), None)
    others = [entry.get("url") for entry in indexes if entry.get("default") is not True]
    return InstallerSettings(
        index=_text(default) or _text(settings.get("index-url")),
        extra_indexes=_texts(others) + _texts(settings.get("extra-index-url")),
        links=_texts(settings.get("find-links")),
        trusted=_texts(settings.get("allow-insecure-host") or settings.get("trusted-host")),
        proxy=_text(settings.get("https-proxy")),
    )


def _uv_files(environ: Mapping[str, str], platform: str) -> list[Path]:
    if environ.get("UV_CONFIG_FILE"):
        return [Path(environ["UV_CONFIG_FILE"])]
    if platform == "win32":
        folders = [environ.get("APPDATA", ""), environ.get("PROGRAMDATA", "")]
    else:
        home = home_folder()
        folders = [environ.get("XDG_CONFIG_HOME") or (str(home / ".config") if home is not None else "")]
        folders += [*(environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"), "/etc"]
    return [Path(folder) / "uv" / "uv.toml" for folder in folders if folder]


def _address(index: str) -> str:
    """Return an index without the name that uv allows before it: ``name=https://...``."""
    return re.sub(r"^[\w.-]+=", "", index)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(values: object) -> tuple[str, ...]:
    if isinstance(values, str):
        return (values,)
    return tuple(filter(None, map(_text, values))) if isinstance(values, Iterable) else ()
