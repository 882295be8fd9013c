"""What people wrote stays where it stands on the page, and is shown as it was written."""

import pytest

from servicesop.render.markdown import Anchors, block, code, link, numbered, plain, prose, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a *b* _c_ `d`", r"a \*b\* \_c\_ \`d\`"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("[a](javascript:b)", r"\[a\](javascript:b)"),
        ("a | b", r"a \| b"),
        ("# a", r"\# a"),
        ("1. a", r"1\. a"),
        ("- a", r"\- a"),
        ("---", r"\---"),
        ("a\n\n# b", r"a \# b"),
        (
            "see https://a.example/x_y?z=1&q=2.",
            "see <https://a.example/x_y?z=1&q=2>.",
        ),
        ("a\\", "a\\\\"),
        ("a\x1b[31m\u202eb", r"a\[31mb"),
    ],
)
def test_a_line_shows_as_it_is_written(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Look at *this* and **that**.",
        "Ask `select 1` first.",
        "- one\n- two\n  - three",
        "1. one\n2. two",
        "See [the board](https://board.example.com/a?b=1&c=2).",
        "Type\n\n```\noc logs <pod> | less\n# a comment\n```\n\nand read.",
        "``a `b` c``",
    ],
)
def test_prose_keeps_its_markdown(text: str) -> None:
    assert prose(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>a</script>", "&lt;script&gt;a&lt;/script&gt;"),
        ("`a` <b> `c`", "`a` &lt;b&gt; `c`"),
        ("a `b <c>", r"a \`b &lt;c&gt;"),
        # A backslash would take the first backtick out of the pair.
        ("\\`a` <b> `c`", "\\\\`a` &lt;b&gt; `c`"),
        ("# a", r"\# a"),
        ("a\n===", "a\n\\==="),
        ("a\n---\nb", "a\n\\---\nb"),
        ("> a", r"\> a"),
        ("![a](https://a.example/b.png)", r"\![a](https://a.example/b.png)"),
        ("[a](javascript:b)", r"\[a\](javascript:b)"),
        ("[a]: https://a.example", r"\[a\]: <https://a.example>"),
        ("~~~\n<b>", "\\~\\~\\~\n&lt;b&gt;"),
        # A block of code without an end would take the rest of the page.
        ("```\n<b>", "\\`\\`\\`\n&lt;b&gt;"),
        ("- # a", r"- \# a"),
        ("1. > a", r"1. \> a"),
        ("a | b\n--|--", "a \\| b\n--\\|--"),
        # A line that is less indented would end the list, and with it the block.
        ("- a\n  ```\n<b>\n  ```", "- a\n  ```\n  <b>\n  ```"),
        ("a\x1b[31m\u202eb", r"a\[31mb"),
    ],
)
def test_prose_cannot_leave_its_place(text: str, shown: str) -> None:
    assert prose(text) == shown


def test_code_holds_backticks() -> None:
    assert code("a") == "`a`"
    assert code("a`b") == "``a`b``"
    assert code("`") == "`` ` ``"
    assert code("a\nb") == "`a b`"
    assert block("sh", "a\n```\nb") == "````sh\na\n```\nb\n````"


def test_a_link_ends_where_it_should() -> None:
    assert link("a]b", "https://a.example/(x)>é") == "[a\\]b](https://a.example/%28x%29%3E%C3%A9)"


def test_lists_are_aligned_and_hold_paragraphs() -> None:
    items = [f"item {number}" for number in range(1, 10)] + ["a\n\n```\nb\n```"]
    lines = numbered(items).splitlines()

    assert lines[0] == "1.  item 1"
    assert lines[9:] == ["10. a", "", "    ```", "    b", "    ```"]


def test_tables_are_aligned() -> None:
    assert table(("A", "Name"), [("longer", "b")]).splitlines() == [
        "| A      | Name |",
        "|--------|------|",
        "| longer | b    |",
    ]


def test_anchors_are_those_of_the_usual_hosts() -> None:
    anchors = Anchors()

    assert anchors.next("SOP: Kafka Service, v1.2") == "sop-kafka-service-v12"
    assert anchors.next("Impact") == "impact"
    assert anchors.next("Impact") == "impact-1"
