import re

LINK = re.compile(r"\]\(([^)#]+\.md)(?:#[^)]*)?\)")


def links(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            yield (page.parent / target).resolve()


def test_every_document_is_in_the_list(root):
    docs = root / "docs"
    listed = set(links(docs / "README.md"))

    assert [page.name for page in docs.rglob("*.md") if page.name != "README.md"] != []
    assert sorted(set(docs.rglob("*.md")) - listed - {docs / "README.md"}) == []


def test_no_link_between_documents_leads_nowhere(root):
    pages = [root / "README.md", root / "CHANGELOG.md", *(root / "docs").rglob("*.md")]

    assert [(page.name, to.name) for page in pages for to in links(page) if not to.is_file()] == []
