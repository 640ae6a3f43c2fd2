"""GET /healthz, /readyz, /metrics."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from app.api.problems import example
from app.api.views import CheckView, ReadyView
from app.runtime import Runtime

router = APIRouter(tags=["operations"])
_METRICS = 'lrgd_requests_total{method="POST",route="/recommend",status="200"} 12.0\n'
_READY = {
    "ready": True,
    "degraded": False,
    "items": 432,
    "model": "20260131T120000-5e1f0c",
    "rankers": ["dual", "popularity"],
    "checks": [{"name": "redis", "ok": True, "detail": "answers"}],
}


class HealthView(BaseModel):
    """The process runs."""

    status: Literal["ok"]


@router.get("/healthz", responses=example({"status": "ok"}))
async def get_healthz() -> HealthView:
    """Whether the process runs; asks nothing else."""
    return HealthView(status="ok")


@router.get(
    "/readyz",
    responses={
        **example(_READY),
        503: {"model": ReadyView, "description": "Nothing can be recommended yet."},
    },
)
async def get_readyz(request: Request, response: Response) -> ReadyView:
    """Whether requests are answered, and what is missing; only an empty catalogue makes it 503."""
    runtime: Runtime = request.app.state.runtime
    model = runtime.live.current
    checks = [CheckView(name=each.name, ok=each.ok, detail=each.detail) for each in await runtime.health.checks()]
    detail = f"fitted {model.space.version}" if model.fitted else "no artifact yet: run lrgd fit"
    checks.append(CheckView(name="model", ok=model.fitted, detail=detail))
    ready = len(model.space) > 0
    response.status_code = 200 if ready else 503
    return ReadyView(
        ready=ready,
        degraded=not all(check.ok for check in checks),
        items=len(model.space),
        model=model.space.version if model.fitted else None,
        rankers=[ranker.name for ranker in model.rankers],
        checks=checks,
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"example": _METRICS}}}})
async def get_metrics() -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


router.add_api_route("/healthz", get_healthz, methods=["HEAD"], include_in_schema=False)
router.add_api_route("/readyz", get_readyz, methods=["HEAD"], include_in_schema=False)
router.add_api_route("/metrics", get_metrics, methods=["HEAD"], include_in_schema=False)
