import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.conf.comments import BadSyntax, parse

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
BETWEEN = st.sampled_from(
    [
        "",
        " ",
        "\n",
        "\t",
        "\r\n",
        '// } ] , " /*\n',
        '/* " */',
        "/**/",
        "/***\n // **/",
        "/* ${X} */",
    ]
)


def tokens_of(value, draw):
    """The tokens of a value, with a comma before some of the closing brackets."""
    if isinstance(value, dict):
        yield "{"
        for number, (name, member) in enumerate(value.items()):
            if number:
                yield ","
            yield json.dumps(name)
            yield ":"
            yield from tokens_of(member, draw)
        if value and draw(st.booleans()):
            yield ","
        yield "}"
    elif isinstance(value, list):
        yield "["
        for number, member in enumerate(value):
            if number:
                yield ","
            yield from tokens_of(member, draw)
        if value and draw(st.booleans()):
            yield ","
        yield "]"
    else:
        yield json.dumps(value)


def place_of_complaint(text):
    try:
        parse(text, expand=lambda variable: variable[1])
    except BadSyntax as error:
        return error.line, error.column
    return None


@given(st.data())
def test_comments_between_tokens_change_no_value(data):
    value = data.draw(VALUES)
    tokens = list(tokens_of(value, data.draw))
    text = "".join(data.draw(BETWEEN) + token for token in tokens) + data.draw(BETWEEN)

    assert parse(text).value == value


@given(st.text(alphabet='{}[]",:/*\\ \nab01-.${}tfn', max_size=40))
def test_whatever_is_no_json_is_refused_at_a_place_within_the_text(text):
    place = place_of_complaint(text)
    lines = text.split("\n")

    assert place is None or 1 <= place[0] <= len(lines)
    assert place is None or 1 <= place[1] <= len(lines[place[0] - 1]) + 1


@given(st.text())
def test_a_variable_within_a_text_is_taken_as_it_is(value):
    assert parse('{"Name" : "${X}"}', expand=lambda _: value).value == {"Name": value}


def test_a_variable_outside_of_a_text_is_taken_as_json():
    document = parse('{"HttpPort" : ${PORT}, "StableAge" : 3}', expand=lambda _: " 8043 ")

    assert document.value == {"HttpPort": 8043, "StableAge": 3}


def test_variables_in_comments_are_not_looked_at():
    assert parse("{} // ${X}", expand=lambda variable: pytest.fail(variable[0])).value == {}


def test_slashes_within_texts_begin_no_comment():
    assert parse('{"a":"http://x/*y*/"}').value == {"a": "http://x/*y*/"}


def test_control_characters_within_texts_are_taken():
    assert parse('{"a":"1\t2\n3"}').value == {"a": "1\t2\n3"}


def test_the_lines_of_all_members_are_known():
    document = parse('{\n "a" : 1, /*\n*/ "b" : {\n  "c" : [{"d" : 2}]\n }\n}')

    assert document.lines == {
        ("a",): 2,
        ("b",): 3,
        ("b", "c"): 4,
        ("b", "c", "0", "d"): 4,
    }


def test_of_two_values_the_last_one_counts_and_a_doubt_is_noted():
    document = parse('{"a" : {"b" : 1,\n"b" : 2}}')

    assert document.value == {"a": {"b": 2}}
    assert document.doubts == [(2, "a.b is set twice: the last one counts.")]


def test_what_follows_the_end_is_ignored_and_a_doubt_is_noted():
    document = parse('{"a" : 1}\n}')

    assert document.value == {"a": 1}
    assert document.doubts == [(2, "What follows the end of the object is ignored.")]


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("", 1, 1, "a value is expected here"),
        ('{"a" 1}', 1, 6, 'a colon is missing after "a"'),
        ('{\n"a" : 1\n"b" : 2}', 3, 1, "a comma is missing before this"),
        ("{'a' : 1}", 1, 2, "in double quotes"),
        ('{"a" : yes}', 1, 8, "a value is expected here"),
        ('{"a" : NaN}', 1, 8, "a value is expected here"),
        ('{"a" : +1}', 1, 8, "a value is expected here"),
        ('{"a" : 0x10}', 1, 9, "a comma is missing before this"),
        ('{"a" : "C:\\Temp"}', 1, 11, "backslash"),
        ('{"a" : "b', 1, 8, "a double quote is missing"),
        ('{"a" : [1', 1, 10, "the end of the file comes before the closing ]"),
        ('{\n/* "a" : 1}', 2, 1, "*/ is missing"),
        ("{,}", 1, 2, "the name of an option is expected here"),
        ('{"a" : 1,,}', 1, 10, "the name of an option is expected here"),
        ("[" * 5000, 1, 101, "nested too deeply"),
        ("9" * 5000, 1, 1, "too large"),
    ],
)
def test_a_complaint_says_where_and_why(text, line, column, reason):
    with pytest.raises(BadSyntax) as caught:
        parse(text)

    assert (caught.value.line, caught.value.column) == (line, column)
    assert reason in caught.value.reason


def test_a_variable_that_holds_no_json_is_named():
    with pytest.raises(BadSyntax) as caught:
        parse('{"Name" : ${SITE}}', expand=lambda _: "Liège")

    assert "SITE holds no JSON value" in caught.value.reason
    assert "Liège" not in caught.value.reason
