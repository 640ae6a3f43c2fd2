"""Every setting: an environment variable LRGD_*, its default and its meaning."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

from limits import parse_many
from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_KEY = re.compile(r"^(?:serve|ingest|admin)(?:\+(?:serve|ingest|admin))*:[0-9a-f]{64}$")


class Settings(BaseSettings):
    """Read once per process from the environment; `lrgd settings` prints this table."""

    model_config = SettingsConfigDict(env_prefix="LRGD_", frozen=True, extra="ignore")

    home: Path = Field(Path(".lrgd"), description="Folder of the embedded servers, the fitted artifacts and the logs.")
    redis_url: str | None = Field(
        None, description="Redis 7 or Valkey; unset, an embedded Valkey runs in the home folder."
    )
    database_url: str | None = Field(
        None, description="PostgreSQL 15 or newer; unset, an embedded one runs in the home folder."
    )
    artifacts: Path | None = Field(
        None, description="Folder of the fitted artifacts, shared by API and workers; default HOME/artifacts."
    )
    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the API listens on.")
    auth: Literal["keys", "off"] = Field(
        "keys", description="'off' asks for no API key and is allowed on loopback only."
    )
    api_keys: str = Field(
        "",
        description="Comma-separated SCOPE[+SCOPE]:SHA256-of-key; scopes serve, ingest, admin. `lrgd key` makes one.",
    )
    rate_limit: str = Field(
        "", description="Requests per API key or address, such as '100/second'; empty means unlimited."
    )
    max_body_bytes: int = Field(16_000_000, ge=1024, description="Larger request bodies answer 413.")
    deadline_ms: int = Field(1000, ge=20, le=10_000, description="Default deadline of /recommend.")
    redis_timeout_ms: int = Field(250, ge=10, description="Longest wait for one Redis answer on the request path.")
    database_timeout_ms: int = Field(500, ge=10, description="Longest wait for a PostgreSQL read on the request path.")
    database_pool: int = Field(8, ge=1, description="PostgreSQL connections per process.")
    attribution_window_s: int = Field(3600, ge=1, description="An impression without feedback for this long is closed.")
    memory_ttl_s: int = Field(
        30 * 86_400, ge=60, description="A user's memory in Redis is dropped after this long without feedback."
    )
    answer_ttl_s: int = Field(3600, ge=1, description="How long an Idempotency-Key keeps its answer.")
    stream_retention_s: int = Field(3600, ge=1, description="Handled stream entries are trimmed after this long.")
    claim_idle_ms: int = Field(
        5000, ge=100, description="Unacknowledged stream entries this old are taken over by another worker."
    )
    batch_size: int = Field(128, ge=1, le=1000, description="Stream entries one worker handles at a time.")
    fit_interval_s: int = Field(
        300, ge=1, description="The fitter looks this often whether there is something new to fit."
    )
    fit_min_new: int = Field(1, ge=1, description="New interactions or changed items that are worth a fit.")
    refresh_s: float = Field(
        1.0, gt=0, description="How often an API process looks for a new artifact and for changed items."
    )
    metrics_port: int = Field(0, ge=0, le=65535, description="Port of a worker process's own /metrics; 0 means none.")
    log: Literal["json", "console"] = Field("json", description="Log format; 'console' is for people.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is logged."
    )

    @field_validator("api_keys")
    @classmethod
    def _well_formed(cls, value: str) -> str:
        for entry in filter(None, (part.strip() for part in value.split(","))):
            if not _KEY.match(entry):
                raise ValueError(f"{entry[:12]}… is not SCOPE[+SCOPE]:SHA256, scopes serve, ingest, admin")
        return value

    @field_validator("rate_limit")
    @classmethod
    def _one_limit(cls, value: str) -> str:
        if value and len(parse_many(value)) != 1:
            raise ValueError(f"{value} is more than one limit")
        return value

    @model_validator(mode="after")
    def _open_only_on_loopback(self) -> Self:
        if self.auth == "off" and self.host not in LOOPBACK:
            raise ValueError(f"LRGD_AUTH=off is allowed on loopback only, not on {self.host}: set LRGD_API_KEYS")
        return self

    @property
    def artifact_folder(self) -> Path:
        """Where fitted artifacts are published and looked for."""
        return self.artifacts or self.home / "artifacts"
