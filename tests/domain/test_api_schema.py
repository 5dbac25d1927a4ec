"""Check with Schemathesis that every answer is one that the API describes, whatever is sent."""

from __future__ import annotations

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support import Site, make_domain
from workbench.domain.api import create_app
from workbench.identity import tokens

pytestmark = pytest.mark.slow

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    site = Site.open(make_domain(tmp_path_factory.mktemp("api") / "hospital-a"), start=False)
    yield site, schemathesis.openapi.from_asgi("/openapi.json", create_app(site.domain))
    site.close()


def send(site, case, who):
    """Send a generated call as `who`, with a token for exactly this call."""
    if case.path.endswith("/events"):
        case.path_parameters["digest"] = "sha256:" + "0" * 64
    headers = {}
    if who != "nobody":
        key = {"researcher": site.researcher, "steward": site.steward}[who]
        arguments = case.as_transport_kwargs(base_url="http://testserver")
        names = ("method", "url", "params", "json", "data")
        sent = requests.Request(**{n: arguments[n] for n in names if n in arguments}).prepare()
        body = sent.body.encode() if isinstance(sent.body, str) else sent.body or b""
        token = tokens.make(key, "hospital-a", sent.method, sent.path_url, body)
        headers["Authorization"] = f"Bearer {token}"
    case.call_and_validate(headers=headers, checks=CHECKS)


@pytest.mark.parametrize("who", ["nobody", "researcher", "steward"])
def test_every_answer_is_described_and_none_is_a_server_error(api, who):
    site, schema = api
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 24
    for operation in operations:

        @settings(
            max_examples=10,
            deadline=None,
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case):
            send(site, case, who)

        check()
