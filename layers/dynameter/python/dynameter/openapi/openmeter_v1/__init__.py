"""OpenMeter v1."""

from __future__ import annotations

from dynameter.openapi.openmeter_v1 import (
    customers,
    entitlements,
    events,
    features,
    invoices,
    meters,
    notifications,
    plans,
    subjects,
    subscriptions,
)
from dynameter.openapi.openmeter_v1.problems import TYPE, Problem
from dynameter.openapi.operation import Dialect, Parameter, Place


def _in_path(name: str, description: str) -> Parameter:
    return Parameter(name, str, description, Place.PATH, required=True)


DIALECT = Dialect(
    name="openmeter-v1",
    title="Dynameter in OpenMeter v1's form",
    description="The wire form of OpenMeter v1; its SDKs work unmodified. The key decides the workspace.",
    operations=(
        *events.OPERATIONS,
        *meters.OPERATIONS,
        *subjects.OPERATIONS,
        *customers.OPERATIONS,
        *features.OPERATIONS,
        *plans.OPERATIONS,
        *subscriptions.OPERATIONS,
        *invoices.OPERATIONS,
        *entitlements.OPERATIONS,
        *notifications.OPERATIONS,
    ),
    path_parameters={
        one.name: one
        for one in (
            _in_path("meterIdOrSlug", "The meter's slug, or its id."),
            _in_path("groupByKey", "A group key of the meter."),
            _in_path("subjectIdOrKey", "The subject's key, or its id."),
            _in_path("customerIdOrKey", "The customer's key, or its id."),
            _in_path("featureIdOrKey", "The feature's key, or its id."),
            _in_path("featureKey", "The feature's key, or the entitlement's id."),
            _in_path("planId", "The id of the plan's version; where it is asked for, or for the next, the plan's key."),
            _in_path("subscriptionId", "The subscription's id."),
            _in_path("invoiceId", "The invoice's id."),
            _in_path("entitlementIdOrFeatureKey", "The key of the entitlement's feature, or the entitlement's id."),
            _in_path("entitlementId", "The entitlement's id."),
            _in_path("grantId", "The grant's id."),
            _in_path("ruleId", "The rule's id."),
            _in_path("channelId", "The channel's id."),
            _in_path("eventId", "The notification event's id."),
        )
    },
    problem_type=TYPE,
    problem=Problem,
)
