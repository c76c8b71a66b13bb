from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.actors.messages.attachments import ReadTags
from repertory.actors.messages.resources import ListResources
from repertory.actors.messages.system import DescribeTotals
from repertory.errors import IndexBusy
from repertory.http.xml import prefers_xml, to_xml

INSTANCE = "44444444-00000000-00000000-00000000-00000000"
XML = {"Accept": "application/xml"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_an_answer_comes_as_xml_to_who_asks_for_it(archive, client):
    archive.plays(ListResources, ("a", "b"))

    response = client.get("/studies", XML)

    assert response.headers["Content-Type"] == "application/xml; charset=utf-8"
    assert response.content == (
        b'<?xml version="1.0" encoding="utf-8"?>\n'
        b"<root>\n  <item>a</item>\n  <item>b</item>\n</root>\n"
    )


def test_a_name_that_xml_does_not_allow_becomes_an_attribute(archive, client):
    archive.plays(ReadTags, {"0010,0020": {"Name": "PatientID", "Value": "<é&>"}})

    response = client.get(f"/instances/{INSTANCE}/tags", XML)

    tag = ET.fromstring(response.content)[0]
    assert (tag.tag, tag.get("name")) == ("item", "0010,0020")
    assert tag.find("Value").text == "<é&>"


def test_what_is_no_json_stays_as_it_is(client):
    assert client.get("/tools/now", XML).headers["Content-Type"] == "text/plain"
    assert client.get("/app/explorer.html", XML).headers["Content-Type"].startswith("text/html")


def test_errors_stay_as_they_are(archive, client):
    archive.plays(DescribeTotals, IndexBusy())

    assert client.get("/statistics", XML).headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize(
    ("accept", "xml"),
    [
        ("application/xml", True),
        ("text/xml", True),
        ("application/xml; q=0.9", True),
        ("application/xml, */*", True),
        ("*/*", False),
        ("application/json", False),
        ("application/json, application/xml", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("", False),
    ],
)
def test_browsers_get_json(accept, xml):
    assert prefers_xml(accept) is xml


@given(VALUES)
def test_whatever_is_written_can_be_read(value):
    assert ET.fromstring(to_xml(value)).tag == "root"
