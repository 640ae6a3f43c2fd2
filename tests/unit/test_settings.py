"""Settings that would not work are refused at the start."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings

DIGEST = hashlib.sha256(b"key").hexdigest()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_auth_may_be_off_on_loopback(host: str) -> None:
    assert Settings(auth="off", host=host).auth == "off"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])  # noqa: S104
def test_auth_may_not_be_off_elsewhere(host: str) -> None:
    with pytest.raises(ValidationError, match="loopback"):
        Settings(auth="off", host=host)


@pytest.mark.parametrize(
    "keys", ["", f"serve:{DIGEST}", f"serve+ingest+admin:{DIGEST}", f" serve:{DIGEST} , admin:{DIGEST} ,"]
)
def test_keys_have_scopes_and_a_digest(keys: str) -> None:
    assert Settings(api_keys=keys).api_keys == keys


@pytest.mark.parametrize("keys", [DIGEST, f"root:{DIGEST}", "serve:abc", f"serve:{DIGEST.upper()}", f"serve {DIGEST}"])
def test_other_keys_are_refused_and_not_repeated(keys: str) -> None:
    with pytest.raises(ValidationError, match="is not SCOPE") as caught:
        Settings(api_keys=keys)
    assert DIGEST not in str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize("limit", ["100/second", "5 per minute"])
def test_rate_limits_can_be_read(limit: str) -> None:
    assert Settings(rate_limit=limit).rate_limit == limit


@pytest.mark.parametrize("limit", ["many", "100", "5/fortnight", "10/hour;100/day"])
def test_other_rate_limits_are_refused(limit: str) -> None:
    with pytest.raises(ValidationError, match="rate_limit"):
        Settings(rate_limit=limit)


def test_every_setting_is_an_environment_variable_with_a_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRGD_PORT", "8311")
    assert Settings().port == 8311
    assert all(field.description for field in Settings.model_fields.values())


def test_artifacts_lie_in_the_home_unless_told_otherwise() -> None:
    assert Settings(home=Path("/a")).artifact_folder == Path("/a/artifacts")
    assert Settings(home=Path("/a"), artifacts=Path("/b")).artifact_folder == Path("/b")
