"""Tables in a notebook: complete, escaped, and with a plain-text twin."""

import pytest

from workbench.lab.catalog import CatalogBrowser
from workbench.lab.requests import RequestTable


def test_the_catalogue_lists_every_card(study):
    browser = CatalogBrowser(study.researcher)
    assert "hospital-b/breast-cancer" in repr(browser)
    assert "hospital-b/diabetes" in browser._repr_html_()


@pytest.mark.parametrize("text", ["WISCONSIN", "DUO:0000042", "breast"])
def test_the_catalogue_is_filtered_by_path_title_and_purpose(study, text):
    found = repr(CatalogBrowser(study.researcher, text))
    assert "breast-cancer" in found
    assert "diabetes" not in found


def test_the_request_table_says_who_decided_and_why(study):
    html = RequestTable(study.researcher)._repr_html_()
    assert "policy: epsilon 1 is at most 2" in html
    assert "waiting for the steward" in html


def test_the_request_table_is_filtered_by_state(study):
    found = repr(RequestTable(study.researcher, state="pending"))
    assert study.waiting.digest[7:19] in found
    assert study.by_policy.digest[7:19] not in found


def test_a_denial_shows_its_reason_as_text(study):
    client = next(iter(study.steward.domains.values()))
    client.decide(study.waiting.digest, "deny", "<b>too vague</b>")
    html = RequestTable(study.researcher)._repr_html_()
    assert "&lt;b&gt;too vague&lt;/b&gt;" in html
    assert "<b>too vague" not in html
