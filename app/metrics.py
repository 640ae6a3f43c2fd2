"""Every metric of the service, with its meaning; none carries a user or an item in its labels."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram, start_http_server

_LATENCY = (0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_UNIT = tuple(step / 10 for step in range(11))

REQUESTS = Counter("lrgd_requests_total", "HTTP requests by route, method and status.", ("route", "method", "status"))
REQUEST_SECONDS = Histogram(
    "lrgd_request_seconds", "Seconds from request to answer, by route.", ("route",), buckets=_LATENCY
)
RECOMMEND_SECONDS = Histogram(
    "lrgd_recommend_seconds",
    "Seconds of one recommendation, by the ranker that answered.",
    ("served_by",),
    buckets=_LATENCY,
)
DEGRADED = Counter(
    "lrgd_degraded_total", "Recommendations answered without something they should have had, by reason.", ("reason",)
)
PATH_SERVED = Counter("lrgd_path_served_total", "Recommendations by the path whose demonstration served.", ("path",))
FEEDBACK = Counter("lrgd_feedback_total", "Feedback by event and by what became of it.", ("event", "result"))

EFFECT = Histogram(
    "lrgd_effect", "Effect_D of replayed demonstrations, by path; 'control' has none.", ("path",), buckets=_UNIT
)
GAIN = Histogram(
    "lrgd_gain",
    "Effect of a path less the control's, by path.",
    ("path",),
    buckets=(-1.0, -0.5, -0.25, -0.1, -0.05, -0.01, 0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0),
)
OUTCOMES = Counter(
    "lrgd_outcomes_total", "Outcomes by event; 'none' is an impression that closed without feedback.", ("event",)
)
RECORDED = Counter("lrgd_recorded_rows_total", "Rows newly written to PostgreSQL, by table.", ("table",))
MEMORY_CONFLICTS = Counter("lrgd_memory_conflicts_total", "Saves of a memory refused because its version had moved on.")
MEMORY_UNREADABLE = Counter("lrgd_memories_unreadable_total", "Memories met in Redis that could not be decoded.")
MEMORIES_BUILT = Counter("lrgd_memories_built_total", "Memories built from PostgreSQL.")
WORKER_SECONDS = Histogram(
    "lrgd_worker_batch_seconds", "Seconds of one batch, by worker.", ("worker",), buckets=_LATENCY
)
WORKER_MESSAGES = Counter(
    "lrgd_worker_messages_total", "Stream entries handled, by worker and result.", ("worker", "result")
)
DEAD_LETTERS = Counter("lrgd_dead_letters_total", "Stream entries given up on, by worker.", ("worker",))
STREAM_LAG = Gauge("lrgd_stream_lag", "Entries not yet delivered, by stream.", ("stream",))
STREAM_PENDING = Gauge("lrgd_stream_pending", "Entries delivered and not yet acknowledged, by stream.", ("stream",))
ARTIFACT_AS_OF = Gauge(
    "lrgd_artifact_as_of_seconds", "The newest interaction the serving model was fitted on, seconds since the epoch."
)
CATALOGUE_ITEMS = Gauge("lrgd_catalogue_items", "Items that can be recommended.")
FIT_SECONDS = Gauge("lrgd_fit_seconds", "Seconds the last fit took.")


def expose(port: int) -> None:
    """Serves this process's metrics on a port of its own; 0 serves them nowhere."""
    if port:
        start_http_server(port)


def measure_request(route: str, method: str, status: int, seconds: float) -> None:
    """Counts one HTTP request."""
    count, latency = _request_series(route, method, status)
    count.inc()
    latency.observe(seconds)


@cache
def _request_series(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    """The series of a route: looking them up by label costs more than counting."""
    return REQUESTS.labels(route, method, status), REQUEST_SECONDS.labels(route)


def measure_recommendation(served_by: str, path: int | None, seconds: float) -> None:
    """Counts one recommendation."""
    latency, served = _recommendation_series(served_by, path)
    latency.observe(seconds)
    served.inc()


@cache
def _recommendation_series(served_by: str, path: int | None) -> tuple[Histogram, Counter]:
    return RECOMMEND_SECONDS.labels(served_by), PATH_SERVED.labels("none" if path is None else str(path))
