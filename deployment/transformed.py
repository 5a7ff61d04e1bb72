"""The template as SAM makes it, without asking AWS. Runs in SAM's environment."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"


def transform(
    *, code: Mapping[str, str] | None = None, parameters: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    """What CloudFormation gets to see of the template.

    ``code`` names the packages of functions and layers whose content matters, ``parameters`` those that are not as the
    template has them.
    """
    import boto3
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.yaml_helper import yaml_parse

    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for name, resource in template["Resources"].items():
        for property_name in ("CodeUri", "ContentUri"):
            if property_name in resource.get("Properties", {}):
                resource["Properties"][property_name] = f"s3://bucket/{(code or {}).get(name, 'code')}"
    values = {name: one.get("Default", "") for name, one in template["Parameters"].items()} | dict(parameters or {})
    session = boto3.Session(region_name=REGION)
    found: Mapping[str, Any] = Translator({}, Parser(), boto_session=session).translate(template, values)
    return found
