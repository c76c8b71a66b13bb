from repertory.storage.pixels.syntaxes import LOSSY, SYNTAXES


def row(it):
    def word(modules):
        if modules is None:
            return "no"
        return "with codecs" if modules else "yes"

    loss = ", with a loss" if it.uid in LOSSY else ""
    return f"| {it.name} | {it.uid} | {word(it.decoders)} | {word(it.encoders)}{loss} |"


def test_the_published_table_is_what_the_code_says(pytestconfig):
    page = (pytestconfig.rootpath / "docs/howto/transcoding.md").read_text(encoding="utf-8")

    assert [line for line in page.splitlines() if line.startswith("|")][2:] == [
        row(it) for it in SYNTAXES.values()
    ]
