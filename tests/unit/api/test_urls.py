"""Which URLs the operator would open, and how it reads them."""

import pytest

from servicesop.api.urls import UrlParts, url_parts


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://shop", UrlParts("http", "shop", 80, "shop", "/")),
        ("https://shop", UrlParts("https", "shop", 443, "shop", "/")),
        ("http://shop:8080/", UrlParts("http", "shop", 8080, "shop:8080", "/")),
        ("http://[fd12::1]:80/a", UrlParts("http", "fd12::1", 80, "[fd12::1]:80", "/a")),
        ("https://10.1.2.3?a=b", UrlParts("https", "10.1.2.3", 443, "10.1.2.3", "/?a=b")),
        (
            "http://shop.svc/a/../b;c?q='x'&y=%2F",
            UrlParts("http", "shop.svc", 80, "shop.svc", "/a/../b;c?q='x'&y=%2F"),
        ),
    ],
)
def test_a_plain_url_is_taken_apart(url: str, parts: UrlParts) -> None:
    assert url_parts(url) == parts


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop",
        "//shop/",
        "/path",
        "ftp://shop/",
        "file:///etc/passwd",
        "HTTP://shop/",
        "http:/shop",
        "http:shop",
        "http://",
        "http:///path",
        "http://user@shop/",
        "http://user:canary@shop/",
        "http://shop@127.0.0.1/",
        "http://shop:0/",
        "http://shop:080/",
        "http://shop:65536/",
        "http://shop:99999/",
        "http://shop:/",
        "http://shop:80:81/",
        "http://shop/#canary",
        "http://shop\\@127.0.0.1/",
        "http://shop/a b",
        "http://shop/%zz",
        "http://shop/%",
        "http://sh%6fp/",
        "http://fd12::1/",
        "http://[fd12::1/",
        "http://[fe80::1%25eth0]/",
        "http://sh\u043ep/",
        "http://shop/\u00e9",
        "http://shop/\n",
        "http://shop\r\nX: y/",
        " http://shop/",
        "http://shop/" + "a" * 2048,
    ],
)
def test_any_other_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="must be a URL") as caught:
        url_parts(url)
    assert "canary" not in str(caught.value)
