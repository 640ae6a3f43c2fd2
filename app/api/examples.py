"""What the OpenAPI document shows of answers about users."""

from typing import Any

_DEMONSTRATION = "3f0c6f0e-6a64-4a5c-9a83-0d6d6c9b3f11"
_AT = "2026-01-31T12:00:00Z"
_LINES = ["after Half-Life 2 chose Portal 2"]

PATHS: dict[str, Any] = {
    "user_id": "u1",
    "version": 4,
    "events": 12,
    "building": False,
    "paths": [
        {
            "path": 1,
            "perspective": "successors",
            "state": "active",
            "demonstration_id": _DEMONSTRATION,
            "version": 4,
            "lines": _LINES,
            "line_count": 1,
            "effect": {"mean": 0.61, "low": 0.42, "high": 0.8},
            "gain": {"mean": 0.07, "low": -0.02, "high": 0.16},
            "rounds": 3,
            "archived": 2,
        }
    ],
}
ROUND: dict[str, Any] = {
    "path": 1,
    "round": 3,
    "demonstration_id": _DEMONSTRATION,
    "parent_id": None,
    "version": 4,
    "perspective": "successors",
    "reason": "first_draft",
    "accepted": True,
    "effect": 0.61,
    "control_effect": 0.54,
    "gain": 0.07,
    "similarity": 0.4,
    "lines": _LINES,
    "at": _AT,
}
OUTCOME: dict[str, Any] = {
    "impression_id": "019717f4-2c8e-7d3a-9f5e-6b1c0a2d4e8f",
    "item_id": "15454",
    "event": "purchase",
    "effect": 0.61,
    "control_effect": 0.54,
    "gain": 0.07,
    "path": 1,
    "position": 0.0,
    "served_by": "dual",
    "model": "20260131T120000-5e1f0c",
    "at": _AT,
}
ERASURE: dict[str, Any] = {"user_id": "u1", "status": "accepted"}
