"""Fitted models on disk: one checked folder a version, and CURRENT, which names the one to serve.

    <folder>/<version>/manifest.json      format, version, times, counts, size and SHA-256 of every file
    <folder>/<version>/space.*, encoder.*, log.*
    <folder>/CURRENT                      a version

A version is written aside, flushed and renamed into place, then CURRENT is replaced: a crash leaves the old one
current.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.domain.log import InteractionLog
from app.domain.space import Space, make_space
from app.embeddings.files import flush_folder, read_array, read_json, read_text, sha256, write_array, write_text
from app.embeddings.fit import Model
from app.embeddings.text import TextEncoder
from app.errors import ArtifactError

FORMAT = 1
CURRENT = "CURRENT"
MANIFEST = "manifest.json"
PARTIAL = ".partial"  # suffix of a version that is being written
ABANDONED_SECONDS = 3600  # a partial version older than this has no writer any more

SPACE_ARRAYS = ("numbers", "collaborative", "text", "popularity", "arrivals")
SPACE_NAMES = ("item_ids", "titles")
ENCODER_ARRAYS = ("weights", "projection")
LOG_ARRAYS = ("user_ids", "user_start", "items", "times", "owners", "item_start", "places")
SERVING_FILES = (
    *(f"space.{name}.npy" for name in SPACE_ARRAYS),
    *(f"space.{name}.json" for name in SPACE_NAMES),
    *(f"encoder.{name}.npy" for name in ENCODER_ARRAYS),
    "encoder.terms.json",
)
LOG_FILES = tuple(f"log.{name}.npy" for name in LOG_ARRAYS)
_PREFIX: Mapping[type, str] = {Space: "space", TextEncoder: "encoder", InteractionLog: "log"}


def publish(model: Model, folder: Path) -> Path:
    """The folder of the model's version, on disk and current. ArtifactError when this version is current already."""
    version = model.space.version
    target = _version_folder(folder, version)
    if current_version(folder) == version:
        raise ArtifactError(f"{target}: this version is current already, a fit takes a new one")
    partial = folder / f".{version}.{os.getpid()}{PARTIAL}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write(model, partial)
    shutil.rmtree(target, ignore_errors=True)  # left by a writer that ended before it made this version current
    partial.rename(target)
    flush_folder(folder)
    _make_current(folder, version)
    return target


def current_version(folder: Path) -> str | None:
    """The version to serve, None before the first one."""
    try:
        return (folder / CURRENT).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def load_serving(folder: Path, version: str) -> tuple[Space, TextEncoder]:
    """What answering needs, arrays mapped, not read; ArtifactError names the file that is missing or damaged."""
    target = _version_folder(folder, version)
    manifest = _checked(target, names=SERVING_FILES)
    return _read_space(target, manifest), _read_encoder(target)


def load(folder: Path, version: str) -> Model:
    """The whole model with its log; ArtifactError names the file that is missing or damaged."""
    space, encoder = load_serving(folder, version)
    target = _version_folder(folder, version)
    _checked(target, names=LOG_FILES)
    log = InteractionLog(**{name: read_array(target / f"log.{name}.npy") for name in LOG_ARRAYS})
    return Model(space, encoder, log)


def prune(folder: Path, *, keep: int = 3) -> list[str]:
    """The versions removed: all but the newest `keep` and the current one, and what ended writers left."""
    if not folder.is_dir():
        return []
    for partial in folder.glob(f".*{PARTIAL}"):
        if time.time() - partial.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)
    found = (manifest.parent for manifest in folder.glob(f"*/{MANIFEST}"))
    versions = [path for path in found if not path.name.startswith(".")]
    versions.sort(key=lambda path: ((path / MANIFEST).stat().st_mtime_ns, path.name), reverse=True)
    current = current_version(folder)
    removed = [path for path in versions[keep:] if path.name != current]
    for path in removed:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in removed]


def _version_folder(folder: Path, version: str) -> Path:
    if not version or version.startswith(".") or version == CURRENT or Path(version).name != version:
        raise ArtifactError(f"{version!r} cannot name a version: a plain file name is needed")
    return folder / version


def _write(model: Model, folder: Path) -> None:
    space, encoder, log = model.space, model.encoder, model.log
    for part, names in ((space, SPACE_ARRAYS), (encoder, ENCODER_ARRAYS), (log, LOG_ARRAYS)):
        for name in names:
            write_array(folder / f"{_PREFIX[type(part)]}.{name}.npy", getattr(part, name))
    for name in SPACE_NAMES:
        write_text(folder / f"space.{name}.json", json.dumps(list(getattr(space, name))))
    write_text(folder / "encoder.terms.json", json.dumps(list(encoder.terms)))
    manifest = {
        "format": FORMAT,
        "version": space.version,
        "created_at": datetime.now(UTC).isoformat(),
        "as_of": space.as_of,
        "counts": {
            "items": len(space),
            "users": len(log.user_ids),
            "interactions": len(log.items),
            "terms": len(encoder.terms),
        },
        "files": {
            path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in sorted(folder.iterdir())
        },
    }
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1))
    flush_folder(folder)


def _make_current(folder: Path, version: str) -> None:
    fresh = folder / f".{CURRENT}.{os.getpid()}"
    write_text(fresh, version + "\n")
    fresh.replace(folder / CURRENT)
    flush_folder(folder)


def _checked(folder: Path, *, names: tuple[str, ...]) -> Mapping[str, Any]:
    """The manifest, after each of these files was found as it says."""
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ArtifactError(f"{folder / MANIFEST}: not a manifest of format {FORMAT}")
    files = manifest.get("files")
    if not isinstance(files, dict) or not isinstance(manifest.get("as_of"), int):
        raise ArtifactError(f"{folder / MANIFEST}: says nothing of files or times")
    for name in names:
        if files.get(name, {}).get("sha256") != sha256(folder / name):
            raise ArtifactError(f"{folder / name}: differs from its checksum in {MANIFEST}")
    return manifest


def _read_space(folder: Path, manifest: Mapping[str, Any]) -> Space:
    parts: dict[str, Any] = {name: read_array(folder / f"space.{name}.npy") for name in SPACE_ARRAYS}
    parts |= {name: read_text(folder / f"space.{name}.json") for name in SPACE_NAMES}
    try:
        return make_space(version=folder.name, as_of=manifest["as_of"], **parts)
    except ValueError as error:
        raise ArtifactError(f"{folder}: {error}") from error


def _read_encoder(folder: Path) -> TextEncoder:
    terms = {term: row for row, term in enumerate(read_text(folder / "encoder.terms.json"))}
    weights, projection = (read_array(folder / f"encoder.{name}.npy") for name in ENCODER_ARRAYS)
    return TextEncoder(terms, weights, projection)
