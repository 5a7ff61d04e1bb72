"""``POST /v1/{workspace_id}/meters/{slug}/rebuild``: a meter is counted anew from its raw events.

    no body, or {"restart"?: bool, "drop_expired"?: bool}
    ->  202 as ``GET .../state`` answers

Queries answer from the old count until the new one is whole. ``restart`` gives up a rebuild that is under way (else
409); ``drop_expired`` lets go of usage whose events may have expired (else 409).
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dynameter.dialects.bodies import read_body
from dynameter.dialects.dynameter.state import render_state
from dynameter.http.message import Request, Response, json_response
from dynameter.rebuild.progress import RebuildProgress
from dynameter.rebuild.request import RebuildService


class RebuildBody(BaseModel):
    """The body of a rebuild."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    restart: bool = False
    drop_expired: bool = False


def rebuild_meter(request: Request, rebuilds: RebuildService, progress: RebuildProgress) -> Response:
    """POST rebuild: 202 when events stored from now on count in the new generation, too."""
    body = read_body(request, RebuildBody) if request.body.strip() else RebuildBody()
    meter = rebuilds.start(
        request.principal.workspace, request.path["slug"], restart=body.restart, drop_expired=body.drop_expired
    )
    return json_response(202, render_state(progress.state_of(meter)))
