"""The model that answers now: the newest artifact and the items changed since, swapped in between two requests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app import metrics
from app.domain.items import CatalogueItem
from app.domain.space import Space
from app.drafting.template import TemplateDrafter
from app.embeddings import artifact
from app.embeddings.extension import empty_space, extend
from app.embeddings.index import retrieve
from app.embeddings.text import TextEncoder
from app.log import get_logger
from app.rankers.dual import DualRanker
from app.rankers.popularity import PopularityRanker
from app.runtime import Drafter, Model
from app.stores.catalogue import Catalogue

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What an artifact holds; before the first one, nothing."""

    version: str | None
    space: Space
    encoder: TextEncoder | None
    drafter: Drafter | None


class LiveArtifact:
    """Follows the artifact folder and the catalogue. One task calls `refresh`; everybody else reads `current`."""

    def __init__(self, folder: Path, catalogue: Catalogue, *, drafts: bool) -> None:
        self._folder = folder
        self._catalogue = catalogue
        self._drafts = drafts
        self._fitted = _Fitted(None, empty_space(), None, None)
        self._changed: dict[int, CatalogueItem] = {}  # since the fit, by number
        self._seen: datetime | None = None
        self._current = self._model(self._fitted.space)

    @property
    def current(self) -> Model:
        """The model to use for the whole of one request."""
        return self._current

    async def refresh(self) -> bool:
        """Takes up a newer artifact and changed items; True when the model changed. Raises StoreDown, ArtifactError."""
        version = await asyncio.to_thread(artifact.current_version, self._folder)
        newer = version is not None and version != self._fitted.version
        fitted = await asyncio.to_thread(self._load, version) if newer and version else self._fitted
        if newer and self._fitted.version is None:  # better than nothing, should PostgreSQL not answer
            self._fitted = fitted
            self._current = self._model(fitted.space)
        changed, seen = await self._catalogue.changed_since(None if newer else self._seen)
        fresh = [item for item in changed if self._changed.get(item.number) != item]
        if not newer and not fresh:
            self._seen = seen
            return False
        overlay = ({} if newer else self._changed) | {item.number: item for item in changed}
        space = await asyncio.to_thread(extend, fitted.space, fitted.encoder, list(overlay.values()))
        self._fitted, self._changed, self._seen = fitted, overlay, seen
        self._current = self._model(space)
        metrics.CATALOGUE_ITEMS.set(len(space))
        metrics.ARTIFACT_AS_OF.set(space.as_of)
        if newer:
            _log.info("model_loaded", version=version, items=len(space))
        return True

    def _load(self, version: str) -> _Fitted:
        if self._drafts:
            model = artifact.load(self._folder, version)
            return _Fitted(version, model.space, model.encoder, TemplateDrafter(model.log))
        space, encoder = artifact.load_serving(self._folder, version)
        return _Fitted(version, space, encoder, None)

    def _model(self, space: Space) -> Model:
        fitted = self._fitted
        rankers = (DualRanker(space), PopularityRanker(space)) if fitted.version else (PopularityRanker(space),)
        return Model(space, rankers, retrieve, fitted=fitted.version is not None, drafter=fitted.drafter)


async def follow(live: LiveArtifact, *, every_s: float) -> None:
    """Refreshes for ever; an outage or a damaged artifact leaves the model as it is and is logged once."""
    failing: str | None = None
    while True:
        try:
            await live.refresh()
            failing = None
        except Exception as error:  # noqa: BLE001 - serving goes on with the model there is
            if failing != repr(error):
                _log.warning("model_refresh_failed", error=repr(error))
            failing = repr(error)
        await asyncio.sleep(every_s)
