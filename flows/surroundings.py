"""What the caller's environment must not do to us: proxies before our own machine, a server that is not there."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import MutableMapping
from importlib import util
from urllib.parse import urlsplit, urlunsplit

from flows.errors import ServerError
from flows.settings.trainers.own_trainer import KEPT_FOR_TRAINERS

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
_BYPASSES = ("NO_PROXY", "no_proxy")
_ANSWER_S = 10.0


def spare_loopback_the_proxy(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let nothing that is meant for this machine go through a proxy; everything else still does.

    A SOCKS proxy that the HTTP client cannot use would end it at its first request, even to this machine: it is put
    aside for the trainers.
    """
    proxies = [name for name in environment if name.lower().endswith("_proxy")]
    proxies = [name for name in proxies if name not in _BYPASSES and environment[name]]
    if not proxies:
        return
    given = [host.strip() for name in _BYPASSES for host in environment.get(name, "").split(",")]
    hosts = list(dict.fromkeys([*filter(None, given), *LOOPBACK_HOSTS]))
    for name in _BYPASSES:
        environment[name] = "*" if "*" in hosts else ",".join(hosts)
    if util.find_spec("socksio") is None:
        for name in proxies:
            if environment[name].lower().startswith("socks"):
                environment[KEPT_FOR_TRAINERS + name] = environment.pop(name)


def refuse_dead_server() -> None:
    """Refuse a PREFECT_API_URL at which nothing answers, before anything is trained.

    Raises:
        ServerError: Nothing answers there.
    """
    url = os.environ.get("PREFECT_API_URL", "")
    if not url:
        os.environ.pop("PREFECT_API_URL", None)
        return
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=_ANSWER_S):
            return
    except urllib.error.HTTPError:
        return  # it answers, and what it thinks of us shows when the run begins
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise ServerError(
            f"PREFECT_API_URL is {without_password(url)}, but no Prefect server answers there ({why}). "
            "Start it, or unset PREFECT_API_URL: gonogo then starts a server of its own."
        ) from None


def without_password(url: str) -> str:
    """Return a URL without the user and password in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host))
