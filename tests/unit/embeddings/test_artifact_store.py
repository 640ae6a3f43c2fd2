"""Published models: round trip, damage, crashes and pruning."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from app.domain.items import CatalogueItem, Item
from app.embeddings import artifact
from app.embeddings.artifact import CURRENT, MANIFEST, current_version, load, load_serving, prune, publish
from app.embeddings.fit import Model, fit
from app.errors import ArtifactError


def model_of(version: str, *, items: int = 4) -> Model:
    events = np.arange(6)
    return fit(
        items=[CatalogueItem(number, Item(f"ï{number}", f"a title {number}")) for number in range(items)],
        user_ids=["ü", "v"],
        users=(events % 2).astype(np.int32),
        item_numbers=(events % 4).astype(np.int32),
        times=events + 100,
        version=version,
    )


def assert_same(first: Model, second: Model) -> None:
    for part in ("space", "encoder", "log"):
        one, other = getattr(first, part), getattr(second, part)
        for name in type(one).__slots__:
            left, right = getattr(one, name), getattr(other, name)
            if isinstance(left, np.ndarray):
                np.testing.assert_array_equal(left, right)
                assert left.dtype == right.dtype
            else:
                assert left == right


@pytest.mark.parametrize("items", [4, 0])
def test_a_model_comes_back_as_it_went(tmp_path: Path, items: int) -> None:
    model = model_of("v1", items=items)
    target = publish(model, tmp_path)
    assert target == tmp_path / "v1"
    assert current_version(tmp_path) == "v1"
    assert_same(load(tmp_path, "v1"), model)
    assert json.loads((target / MANIFEST).read_text())["counts"]["items"] == items
    assert not list(tmp_path.glob(".*"))


def test_arrays_are_mapped_and_cannot_be_changed(tmp_path: Path) -> None:
    publish(model_of("v1"), tmp_path)
    space, _ = load_serving(tmp_path, "v1")
    assert isinstance(space.collaborative.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        space.collaborative[0, 0] = 1


def test_nothing_published_is_no_version(tmp_path: Path) -> None:
    assert current_version(tmp_path / "nowhere") is None
    assert prune(tmp_path / "nowhere") == []


def test_every_file_is_checked(tmp_path: Path) -> None:
    target = publish(model_of("v1"), tmp_path)
    assert {path.name for path in target.iterdir()} == {MANIFEST, *artifact.SERVING_FILES, *artifact.LOG_FILES}


@pytest.mark.parametrize("name", [*artifact.SERVING_FILES, *artifact.LOG_FILES])
def test_a_damaged_or_missing_file_is_named(tmp_path: Path, name: str) -> None:
    path = publish(model_of("v1"), tmp_path) / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=name):
        load(tmp_path, "v1")
    path.unlink()
    with pytest.raises(ArtifactError, match=name):
        load(tmp_path, "v1")


def test_answering_does_not_read_the_log(tmp_path: Path) -> None:
    target = publish(model_of("v1"), tmp_path)
    (target / "log.items.npy").unlink()
    space, encoder = load_serving(tmp_path, "v1")
    assert len(space) == 4
    assert encoder.terms


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"format": 99}', '{"format": 1}', '{"format": 1, "files": {}}'])
def test_a_manifest_of_another_kind_is_refused(tmp_path: Path, manifest: str) -> None:
    (publish(model_of("v1"), tmp_path) / MANIFEST).write_text(manifest)
    with pytest.raises(ArtifactError, match=MANIFEST):
        load(tmp_path, "v1")


def test_a_missing_version_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="gone"):
        load(tmp_path, "gone")


@pytest.mark.parametrize("version", ["", "..", "a/b", ".hidden", CURRENT])
def test_a_version_is_a_plain_name(tmp_path: Path, version: str) -> None:
    with pytest.raises(ArtifactError, match="plain file name"):
        publish(model_of(version), tmp_path)


@pytest.mark.parametrize("step", ["_write", "flush_folder", "_make_current"])
def test_a_crash_leaves_the_old_version_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    publish(model_of("v1"), tmp_path)

    def crash(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(artifact, step, crash)
        with pytest.raises(RuntimeError):
            publish(model_of("v2"), tmp_path)
    assert current_version(tmp_path) == "v1"
    assert_same(load(tmp_path, "v1"), model_of("v1"))
    publish(model_of("v2"), tmp_path)  # the next try is not in the way of what was left
    assert current_version(tmp_path) == "v2"


def test_the_current_version_is_not_written_over(tmp_path: Path) -> None:
    publish(model_of("v1"), tmp_path)
    with pytest.raises(ArtifactError, match="current already"):
        publish(model_of("v1"), tmp_path)


def test_pruning_keeps_the_newest_and_the_current_one(tmp_path: Path) -> None:
    for number in range(5):
        target = publish(model_of(f"v{number}"), tmp_path)
        os.utime(target / MANIFEST, (number, number))
    (tmp_path / CURRENT).write_text("v0\n")
    abandoned, busy = tmp_path / ".v8.1.partial", tmp_path / ".v9.1.partial"
    abandoned.mkdir()
    busy.mkdir()
    os.utime(abandoned, (0, 0))
    assert sorted(prune(tmp_path, keep=2)) == ["v1", "v2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".v9.1.partial", CURRENT, "v0", "v3", "v4"]
