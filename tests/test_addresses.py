"""Addresses: one spelling for each, and which lie below which."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript import Address


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("https://api.openai.com", "https://api.openai.com"),
        ("HTTPS://API.OpenAI.com:443/", "https://api.openai.com"),
        ("http://127.0.0.1:80/v1/", "http://127.0.0.1/v1"),
        ("https://h/v1//", "https://h/v1"),
        ("https://h/%41%7e%c3%a9", "https://h/A~%C3%A9"),
        ("https://h/é/[a|b]", "https://h/%C3%A9/%5Ba%7Cb%5D"),
        ("https://h/a.b/.well-known/x..;v=1", "https://h/a.b/.well-known/x..;v=1"),
        ("https://bücher.example/v1", "https://xn--bcher-kva.example/v1"),
        ("https://ａｐｉ.example", "https://api.example"),
        ("http://[0:0::1]:8080", "http://[::1]:8080"),
        ("https://h/models:generate?alt=sse", "https://h/models:generate"),
    ],
)
def test_one_spelling(written: str, usual: str) -> None:
    assert Address.parse(written).text == usual
    assert Address.parse(usual) == Address.parse(written)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.openai.com",
        "ftp://host",
        "http://",
        "https://user@host",
        "https://api.openai.com@evil.example",
        "https://evil.example\\@api.openai.com",
        "https://evil.example#@api.openai.com",
        "https://host/a b",
        "https://host/\n",
        "https://ho\tst",
        "https://host/v1/\u202ex",
        "https://host/v1//x",
        "https://host/v1/../v2",
        "https://host/v1/./x",
        "https://host/v1/..",
        "https://host/v1/..;/v2",
        "https://host/v1/..;a=b/v2",
        "https://host/v1/%2e%2e%3b/v2",
        "https://host/v1/.%2e%3Ba=b/v2",
        "https://host/v1/.../v2",
        "https://host/v1/..%20/v2",
        "https://host/v1/. ./v2",
        "https://host/v1/\uff0e\uff0e/v2",
        "https://host/v1/\u2025/v2",
        "https://host/v1/a\uff0fb",
        "https://host/v1/%ef%bc%8e%ef%bc%8e/v2",
        "https://host/v1/%252e%252e/v2",
        "https://host/v1/%25252e%25252e/v2",
        "https://host/v1/%c0%ae%c0%ae/v2",
        "https://host/v1/%u002e%u002e/v2",
        "https://host/v1/%2e%2",
        "https://host/v1/..%5c..%5cv2",
        "https://host/v1/%2f..%2fx",
        "https://host/v1/%252e%252e/x%5c",
        "https://host/v1/%2e%2E/v2",
        "https://host/v1/.%2e/v2",
        "https://host/%00",
        "https://host:0",
        "https://host:99999",
        "https://127.1",
        "https://0x7f000001",
        "https://2130706433",
        "https://0177.0.0.1",
        "https://-host",
        "https://a..b",
        "https://[::1%25eth0]",
        "https://[evil]",
        "https://host%2eexample",
    ],
)
def test_what_parsers_disagree_about_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it |its "):
        Address.parse(text)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(ValueError, match="user name or password") as caught:
        Address.parse("https://user:hunter2@host")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("prefix", "address", "covered"),
    [
        ("https://h", "https://h/v1/x", True),
        ("https://h/v1/acct-7", "https://h/v1/acct-7/chat", True),
        ("https://h/v1/acct-7", "https://h/v1/acct-77", False),
        ("https://h/v1/acct-7", "https://h/v1/acct-7;v=1/chat", False),
        ("https://h", "https://h.evil.example", False),
        ("https://h", "https://evil.example/https:/h", False),
        ("https://h", "http://h", False),
        ("https://h", "https://h:8443", False),
        ("https://h", "https://H:443/", True),
    ],
)
def test_prefixes_are_whole_segments(prefix: str, address: str, covered: bool) -> None:
    assert Address.parse(prefix).covers(Address.parse(address)) is covered


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "LOCALHOST"])
def test_this_machine(host: str) -> None:
    assert Address.parse(f"http://{host}:1/v1").is_loopback


@pytest.mark.parametrize(
    "host", ["127.0.0.1.example", "localhost.example", "10.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]"]
)
def test_not_this_machine(host: str) -> None:
    assert not Address.parse(f"http://{host}/").is_loopback


_PIECES = st.sampled_from(
    [
        *"abz019.-_~:/?@%\\[]",
        "..",
        "%2e",
        "%41",
        "//",
        "http://",
        "https://",
        "h.example",
        "127.0.0.1",
        ":8080",
        "[::1]",
    ]
)


@given(st.lists(_PIECES, max_size=8).map("".join))
def test_what_is_read_here_the_http_library_reads_likewise(rest: str) -> None:
    try:
        address = Address.parse(f"https://{rest}")
    except ValueError:
        return
    sent = httpx.URL(f"https://{rest}")
    assert sent.scheme == address.scheme
    assert sent.raw_host.decode() == address.host.strip("[]")
    assert (sent.port or 443) == address.port
    assert Address.parse(str(sent)) == address
    assert not {".", ".."}.intersection(sent.raw_path.decode().partition("?")[0].split("/"))


def test_an_approval_has_no_query() -> None:
    assert Address.parse_prefix("https://h/v1/").text == "https://h/v1"
    with pytest.raises(ValueError, match="query"):
        Address.parse_prefix("https://h/v1?key=x")


_SEGMENTS = st.lists(
    st.sampled_from([*"ab.;/%\\", "..", "%2e", "%2E", "%252e", "%3b", "%2f", "%5c", "%20", "\uff0e", "%u002e", "acct"]),
    max_size=8,
).map("".join)


def readings(path: str) -> Iterator[str]:
    """The paths that servers make of one: decoded once or more, without parameters, in the usual characters."""
    for _ in range(3):
        for read in (path, unicodedata.normalize("NFKC", path).replace("\\", "/")):
            yield posixpath.normpath(read)
            yield posixpath.normpath("/".join(part.partition(";")[0] for part in read.split("/")))
            yield posixpath.normpath("/".join(part if part.strip(".") else part[:2] for part in read.split("/")))
        path = unquote(path)


@given(_SEGMENTS)
def test_no_server_finds_a_way_out_of_an_approved_path(rest: str) -> None:
    prefix = Address.parse("https://h/v1/acct-7")
    try:
        address = Address.parse(f"https://h/v1/acct-7{rest}")
    except ValueError:
        return
    if prefix.covers(address):
        for read in readings(f"/v1/acct-7{rest}"):
            assert f"{read}/".startswith("/v1/acct-7/"), read
