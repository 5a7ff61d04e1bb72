"""Invoices to read or to import."""

from __future__ import annotations

from dynameter.access.principal import BILLING_READ
from dynameter.dialects.dynameter.invoice_pages import HTML_HEADERS
from dynameter.openapi.operation import Answer, Operation
from dynameter.openapi.shapes import Csv, Html

_SAFE = "Of the page: nothing of it runs or is loaded, nobody keeps it."

OPERATIONS = (
    Operation(
        route="GET /v1/{workspace_id}/invoices/{invoice}",
        id="getInvoicePage",
        summary="An invoice as a page or a table",
        tag="Invoices",
        scope=BILLING_READ,
        description="A subscription's id stands for its next invoice.",
        answers=(
            Answer(
                200,
                "The page where .html is asked for, the table where .csv is.",
                {"text/html": Html, "text/csv": Csv},
                {name: _SAFE for name in HTML_HEADERS if name != "content-type"},
            ),
        ),
        refusals=(400, 404, 409, 413),
    ),
)
