"""Who may do what."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from app.api.security import Gate, Scope
from app.errors import Forbidden, Unauthorized
from app.settings import Settings

pytestmark = pytest.mark.anyio

SERVE, BOTH = "serve-key", "serve-and-ingest-key"
SCOPES: tuple[Scope, ...] = ("serve", "ingest", "admin")


def entry(scopes: str, key: str) -> str:
    return f"{scopes}:{hashlib.sha256(key.encode()).hexdigest()}"


GATE = Gate(Settings(auth="keys", api_keys=f" {entry('serve', SERVE)}, {entry('serve+ingest', BOTH)} ,"))


@pytest.mark.parametrize(
    ("key", "granted"), [(SERVE, {"serve"}), (BOTH, {"serve", "ingest"})], ids=["one scope", "two scopes"]
)
def test_a_key_opens_its_scopes_only(key: str, granted: set[str]) -> None:
    for scope in SCOPES:
        if scope in granted:
            GATE.authorise(key, scope)
        else:
            with pytest.raises(Forbidden, match=scope):
                GATE.authorise(key, scope)


@pytest.mark.parametrize("key", [None, "", "x", SERVE[:-1], SERVE + " ", "schlüssel", "a" * 10_000])
def test_other_keys_open_nothing(key: str | None) -> None:
    with pytest.raises(Unauthorized):
        GATE.authorise(key, "serve")


def test_without_any_key_nobody_comes_in() -> None:
    with pytest.raises(Unauthorized):
        Gate(Settings(auth="keys")).authorise(SERVE, "serve")


def test_with_auth_off_everybody_may_do_everything() -> None:
    for scope in SCOPES:
        Gate(Settings(auth="off")).authorise(None, scope)


@pytest.mark.parametrize("key", [SERVE, BOTH, "unknown"])
def test_every_stored_key_is_compared_in_constant_time(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    compare = hmac.compare_digest

    def counting(stored: bytes, given: bytes) -> bool:
        compared.append(stored)
        return compare(stored, given)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    if key == "unknown":
        with pytest.raises(Unauthorized):
            GATE.authorise(key, "serve")
    else:
        GATE.authorise(key, "serve")
    assert len(compared) == 2


async def test_without_a_limit_everybody_is_admitted() -> None:
    for _ in range(1000):
        await GATE.admit("somebody")


async def test_limits_that_cannot_be_counted_cost_one_wait_and_one_line(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = Gate(Settings.model_validate({"auth": "off", "rate_limit": "1/hour", "redis_url": "redis://127.0.0.1:1/0"}))
    for _ in range(50):
        await gate.admit("somebody")
    # where it is said depends on whether an earlier test has configured the logs
    assert (caplog.text + capsys.readouterr().out).count("rate_limit_unavailable") == 1
    await gate.close()
