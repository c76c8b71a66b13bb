def test_the_root_leads_to_the_page(client):
    response = client.get("/")

    assert response.status == 307
    assert response.headers["Location"] == "app/explorer.html"


def test_the_page_is_one_file_that_loads_nothing_from_elsewhere(client):
    response = client.get("/app/explorer.html")

    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert b"<title>" in response.content
    assert b"://" not in response.content
