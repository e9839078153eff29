"""All settings: one frozen object, read once in a command, passed down.

Order of precedence: environment (`CALLBENCH_…`), then `<data>/callbench.toml`, then the defaults here.
"""

from __future__ import annotations

import os
import tomllib
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pbx_core.errors import ConfigError

Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """Every limit has its unit in the name and its reason beside it."""

    model_config = SettingsConfigDict(env_prefix="CALLBENCH_", frozen=True, extra="forbid")

    data: Path = Field(default=Path("data"), description="the one data directory; everything written lies in it")

    database: SecretStr = Field(
        default=SecretStr(""),
        description="operational database on PostgreSQL: postgresql+psycopg://user:password@host/name; none: SQLite",
    )

    # edge
    sip_host: str = Field(default="0.0.0.0", description="address the public SIP listener binds")
    sip_port: Port = Field(default=5060, description="UDP and TCP port of the public SIP listener")
    sip_tls_port: Port = Field(default=5061, description="TLS port of the public SIP listener")
    sip_internal_port: Port = Field(default=5070, description="UDP port on 127.0.0.1 where workers reach the edge")
    public_address: str = Field(default="", description="address phones reach us at; empty: found from the route out")
    tls_cert: Path | None = Field(default=None, description="PEM certificate; none: a self-signed one is made")
    tls_key: Path | None = Field(default=None, description="PEM key belonging to tls_cert")
    nonce_ttl_s: int = Field(default=60, description="digest nonces live this long; shorter means more round trips")
    registration_min_s: int = Field(default=60, description="shortest binding granted (RFC 3261 10.3: 423 below)")
    registration_max_s: int = Field(default=3600, description="longest binding granted")
    bindings_per_aor_max: int = Field(default=10, description="phones on one extension; more are refused with 403")
    sip_message_bytes_max: int = Field(default=16384, description="larger messages are dropped (SDP needs < 4 KiB)")
    sip_connections_max: int = Field(default=4000, description="open TCP and TLS connections; more are refused")
    sip_connections_per_source_max: int = Field(default=200, description="of them from one address: an office's NAT")
    sip_idle_s: float = Field(default=4000.0, description="a silent connection is closed; > registration_max_s")
    sip_connect_s: float = Field(default=3.0, description="how long to try to reach a TCP phone whose connection broke")
    trunk_tls_ca: Path | None = Field(
        default=None, description="PEM authorities trusted for TLS trunks; none: system's"
    )
    hep_server: str = Field(default="", description="host:port of a HOMER server that is shown all SIP; empty: none")
    hep_node_id: int = Field(default=2001, ge=0, le=2**32 - 1, description="by which HOMER tells this machine apart")
    flood_requests_max: int = Field(default=16, description="unauthenticated requests per source within flood_window_s")
    flood_window_s: float = Field(default=2.0, description="window of the flood guard")
    ban_s: int = Field(default=300, description="first ban; doubles up to 24 h")
    guess_failures_max: int = Field(default=10, description="wrong digests per source within guess_window_s")
    guess_window_s: int = Field(default=60, description="window of the guessing guard")

    # workers
    worker_port_base: Port = Field(default=5080, description="worker n listens on 127.0.0.1:worker_port_base+n, UDP")
    rtp_port_base: Port = Field(
        default=20000, description="worker n uses 100 RTP ports from rtp_port_base+100*n (own build: 1100)"
    )
    worker_calls_max: int = Field(default=0, ge=0, description="calls per worker; 0: as many as its engine takes")
    workers_min: int = Field(default=1, description="workers started at once")
    workers_max: int = Field(default=24, description="never more; a wheel worker holds 2 calls in about 14 MB")
    spare_calls_min: int = Field(default=4, description="the supervisor starts workers until so many calls fit")
    slot_wait_s: float = Field(default=4.0, description="how long the edge holds an INVITE for a worker to come up")
    processor_wait_share_max: float = Field(
        default=0.06,
        ge=0.0,
        le=1.0,
        description="a worker takes no new call while a thread of it waited longer for a processor, of the last 5 s",
    )
    media_silence_s: float = Field(
        default=55.0, description="a phone without RTP and RTCP for so long is gone; its call ends within 60 s"
    )
    disk_warn_share: float = Field(default=0.10, description="free share of the recording volume that warns")
    disk_stop_share: float = Field(default=0.05, description="free share under which no new recording is started")

    # recordings
    opus_bitrate: int = Field(default=24000, description="bits per second of the stereo Opus file")
    peaks_per_s: int = Field(default=20, description="waveform points per second and channel")

    object_store_url: str = Field(default="", description="s3://bucket/prefix or file:///dir: recordings go there too")
    object_store_endpoint: str = Field(default="", description="https://host of an S3 server that is not Amazon's")
    local_copy_days: float = Field(default=30.0, description="recordings in the object store stay here so long too")

    # prompts
    piper_voices_dir: Path | None = Field(
        default=None, description="Piper voices (.onnx) for prompts; languages without one: espeak-ng"
    )

    # warehouse and speech
    warehouse_catalog: SecretStr = Field(
        default=SecretStr(""),
        description="catalog of a warehouse for several machines: postgresql://user:password@host/name; none: SQLite",
    )
    warehouse_files: str = Field(
        default="", validate_default=True, description="s3://bucket/prefix, where its rows lie; none: beside the data"
    )
    warehouse_endpoint: str = Field(default="", description="https://host of an S3 server that is not Amazon's")
    warehouse_generation: int = Field(
        default=1, ge=1, le=9999, description="number of such a warehouse; raised on every machine, it is made anew"
    )
    ingest_interval_s: float = Field(default=1.0, description="pause between ingest rounds")
    query_threads: int = Field(
        default=1, ge=0, description="processors that one question to the warehouse may use; 0: all"
    )
    maintenance_interval_s: float = Field(default=60.0, description="pause between warehouse maintenance rounds")
    transcribers: int = Field(default=1, description="transcription processes, one thread each")
    model_dir: Path | None = Field(default=None, description="CTranslate2 Whisper directory; none: packaged weights")
    model_sha256: str = Field(default="", description="SHA-256 that model_dir/model.bin must have; empty: any")
    model_hub: str = Field(
        default="", description="owner/name on the Hugging Face hub, downloaded once; needs model_sha256; empty: none"
    )
    models: dict[str, str] = Field(
        default={}, description="by language: another model for it, an absolute path or owner/name on the hub"
    )
    model_sha256s: dict[str, str] = Field(default={}, description="by language: SHA-256 of its model.bin in models")
    model_tokens: dict[str, str] = Field(
        default={},
        description="by language: the code under which its model writes it, when Whisper has none for it",
    )
    lease_s: int = Field(default=30, description="a job not renewed for so long is taken up by another process")
    live_calls_max: int = Field(
        default=2, ge=0, description="running calls whose words are followed at once; 0: none, live transcripts are off"
    )
    live_look_back_s: float = Field(
        default=60.0, ge=0.0, description="who begins to follow a call sees the words of so long before at once"
    )

    # web
    web_host: str = Field(default="127.0.0.1", description="address of the dashboard")
    web_port: Port = Field(default=8501, description="port of the dashboard")
    web_url: str = Field(
        default="",
        description="how people reach the dashboard, for links in mails and exports; empty: its host and port",
    )
    web_https: bool = Field(default=False, description="behind TLS: cookies get Secure")
    session_idle_s: int = Field(default=8 * 3600, description="signed out after so long without a request")
    login_failures_max: int = Field(default=5, description="bad sign-ins per address and account per window")
    login_window_s: int = Field(default=300, description="window of login_failures_max")

    # reports by mail
    smtp_host: str = Field(default="", description="mail server that takes reports; empty: none are sent")
    smtp_port: Port = Field(default=587, description="its port: 587 with STARTTLS, 465 with TLS")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="none only where the mail server is on this machine"
    )
    smtp_user: str = Field(default="", description="name to sign in with there; empty: without")
    smtp_password: SecretStr = Field(
        default=SecretStr(""), description="its password; give it by CALLBENCH_SMTP_PASSWORD"
    )
    smtp_from: str = Field(default="", description="sender of reports; empty: callbench@<smtp_host>")
    smtp_ca: Path | None = Field(
        default=None, description="PEM authorities trusted for the mail server; none: system's"
    )
    smtp_timeout_s: float = Field(default=30.0, gt=0, description="how long each step of handing over a mail may take")
    report_lease_s: int = Field(
        default=300, ge=1, description="a mail whose sender died is taken up by another after so long"
    )

    # programs and phones
    api_host: str = Field(default="127.0.0.1", description="address of the API; phones fetch their settings there too")
    api_port: Port = Field(default=8502, description="HTTPS port of the API")
    api_url: str = Field(
        default="", description="how phones and programs reach the API; empty: https://<public_address>:<api_port>"
    )
    api_body_bytes_max: int = Field(default=4 * 1024 * 1024, description="largest request: the model of a big office")
    provisioning_ttl_s: int = Field(default=86400, description="a phone's one-time secret is good for so long")
    provisioning_repeat_s: int = Field(
        default=600, description="the phone that used it may fetch again for so long: it restarts while it sets up"
    )

    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(), description="private networks that webhooks may reach all the same, there over http too; none"
    )
    webhook_tls_ca: Path | None = Field(
        default=None, description="PEM authorities trusted for the receivers of webhooks; none: system's"
    )

    log_level: str = Field(default="INFO")

    @field_validator("warehouse_files")
    @classmethod
    def _with_catalog(cls, value: str, others: ValidationInfo) -> str:
        catalog = others.data.get("warehouse_catalog")
        if bool(value) != bool(catalog and catalog.get_secret_value()):
            raise ValueError("warehouse_catalog and warehouse_files belong together: give both or none")
        return value

    @property
    def web_address(self) -> str:
        """The dashboard's address without a slash at its end."""
        scheme = "https" if self.web_https else "http"
        return self.web_url.rstrip("/") or f"{scheme}://{self.web_host}:{self.web_port}"

    # places; nothing else in the project spells these names
    @property
    def database_url(self) -> str:
        """Where the operational database is, with the password if there is one: never to be shown."""
        return self.database.get_secret_value() or f"sqlite:///{self.data / 'callbench.sqlite'}"

    @property
    def journal_dir(self) -> Path:
        return self.data / "journal"

    @property
    def spool_dir(self) -> Path:
        return self.data / "spool"

    @property
    def damaged_dir(self) -> Path:
        return self.data / "damaged"

    @property
    def recordings_dir(self) -> Path:
        return self.data / "recordings"

    @property
    def m4a_dir(self) -> Path:
        return self.data / "cache" / "m4a"

    @property
    def redacted_dir(self) -> Path:
        return self.data / "redacted"

    @property
    def reports_dir(self) -> Path:
        return self.data / "reports"

    @property
    def prompts_dir(self) -> Path:
        return self.data / "prompts"

    @property
    def lake_catalog(self) -> Path:
        return self.data / "catalog.sqlite"

    @property
    def lake_dir(self) -> Path:
        return self.data / "lake"

    @property
    def models_dir(self) -> Path:
        return self.data / "models"

    @property
    def run_dir(self) -> Path:
        return self.data / "run"

    @property
    def spill_dir(self) -> Path:
        """For what a query cannot hold in memory."""
        return self.run_dir / "spill"

    @property
    def live_dir(self) -> Path:
        return self.run_dir / "live"

    @property
    def logs_dir(self) -> Path:
        return self.data / "logs"


def load(data: Path | str | None = None, **overrides: Any) -> Settings:
    """Read the settings for a data directory; ConfigError names the setting that does not fit."""
    root = Path(data or os.environ.get("CALLBENCH_DATA") or "data").absolute()
    file = root / "callbench.toml"
    values: dict[str, Any] = {}
    if file.exists():
        try:
            values = tomllib.loads(file.read_text())
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{file} is not valid TOML ({error}); nothing was started. Correct the line.") from error
    from_environment = {k[len("CALLBENCH_") :].lower() for k in os.environ if k.startswith("CALLBENCH_")}
    values = {k: v for k, v in values.items() if k not in from_environment}
    try:
        return Settings(**{**values, "data": root, **overrides})
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"Settings do not fit ({places}). Look in {file} and in CALLBENCH_* variables.") from error
