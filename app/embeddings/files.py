"""Durable files of an artifact; every failure to read one is an ArtifactError that names it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactError


def write_array(path: Path, array: NDArray[Any]) -> None:
    """The array in this file, flushed to disk."""
    with path.open("wb") as file:
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """The text in this file, flushed to disk."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """The names in this folder on disk, so that a rename survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_array(path: Path) -> NDArray[Any]:
    """The array of this file, mapped read-only (an empty one cannot be mapped and is read)."""
    try:
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError:
            array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: {error}") from error
    return np.asarray(array)  # a plain array over the map: the memmap class makes every indexing slower


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON can be anything
    """What this JSON file holds."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: {error}") from error


def read_text(path: Path) -> list[str]:
    """The strings of this JSON file."""
    strings = read_json(path)
    if not isinstance(strings, list):
        raise ArtifactError(f"{path}: not a list of strings")
    return strings


def sha256(path: Path) -> str:
    """The SHA-256 of this file, in hexadecimal."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactError(f"{path}: {error}") from error
