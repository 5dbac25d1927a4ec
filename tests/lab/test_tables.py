"""Tables in a notebook: complete, escaped, and with a plain-text twin."""

import queue

import pytest

from workbench.lab.widgets.catalog import CatalogBrowser
from workbench.lab.widgets.live import LiveWidget
from workbench.lab.widgets.requests import RequestTable


def test_the_catalog_lists_every_card(study):
    browser = CatalogBrowser(study.researcher)
    assert "hospital-b/breast-cancer" in repr(browser)
    assert "hospital-b/diabetes" in browser._repr_html_()


@pytest.mark.parametrize("text", ["WISCONSIN", "DUO:0000042", "breast"])
def test_the_catalog_is_filtered_by_path_title_and_purpose(study, text):
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


class Failing(LiveWidget):
    """Fails at first, then has news."""

    _esm = "export default { render() {} }"

    def __init__(self, space):
        super().__init__(space)
        self.sent, self.tries = queue.Queue(), 0

    def send(self, content, buffers=None):
        self.sent.put(content)

    def news(self, anew):
        self.tries += 1
        if self.tries == 1:
            raise IndexError
        self.send({"kind": "news"})


def test_a_view_says_that_it_could_not_be_renewed_and_goes_on(study):
    widget = Failing(study.researcher)
    widget._on_message(widget, {"action": "opened"}, [])
    assert "could not be renewed (IndexError)" in widget.sent.get(timeout=20)["message"]
    # The first news of the domains wakes it.
    assert widget.sent.get(timeout=20) == {"kind": "news"}
    widget.close()
