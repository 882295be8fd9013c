"""An issuer of tokens by OAuth 2.0 client credentials, and a client, as they really behave."""

import base64
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode

from standins.web import Answered, Asked, Asker, NoAnswerError, WebServer
from testbed.lifetime import Lifetime

_LIFETIME_SECONDS = 2


class Issuer(Lifetime):
    """Gives tokens to the clients that it knows. Use as a context manager."""

    def __init__(self, realm: str) -> None:
        self.web = WebServer(self._answer)
        self._path = f"/auth/realms/{realm}"
        self._secrets: dict[str, str] = {}
        self._tokens: dict[str, float] = {}

    def _live(self, life: ExitStack) -> None:
        life.enter_context(self.web)

    def register(self, client: str) -> str:
        """Get to know a client, and give its secret; an earlier one is good no more."""
        self._secrets[client] = secrets.token_hex(8)
        return self._secrets[client]

    def admits(self, asked: Asked) -> bool:
        """Say whether a request carries a token that is still good."""
        token = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        return time.monotonic() < self._tokens.get(token, 0.0)

    def _answer(self, asked: Asked) -> Answered:
        if asked.target != f"{self._path}{TOKEN_PATH}":
            return Answered(404, {"error": "not found"})
        form = {key: values[0] for key, values in parse_qs(asked.body).items()}
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, login = asked.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            client, _, secret = base64.b64decode(login).decode().partition(":")
            client, secret = unquote_plus(client), unquote_plus(secret)
        if not secret or self._secrets.get(client) != secret:
            refusal = {"error": "unauthorized_client", "error_description": "Invalid client secret"}
            return Answered(401, refusal)
        token = secrets.token_hex(16)
        self._tokens[token] = time.monotonic() + _LIFETIME_SECONDS
        granted = {"access_token": token, "token_type": "Bearer", "expires_in": _LIFETIME_SECONDS}
        return Answered(200, granted)


TOKEN_PATH = "/protocol/openid-connect/token"


class NoTokenError(Exception):
    """The issuer gave none; the message is what the library for Go says of it."""


class OAuthClient:
    """Asks for a token when it has none that is good."""

    def __init__(
        self,
        asker: Asker,
        issuer: str,
        client: str,
        secret: str,
        answered: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`answered` is told the code of each answer."""
        self._asker = asker
        self._url = f"{issuer}{TOKEN_PATH}"
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_secret": secret,
        }
        self._answered = answered
        self._token, self._good_until = "", 0.0

    def headers(self) -> dict[str, str]:
        """Give those that prove who asks. Raise NoTokenError."""
        if time.monotonic() >= self._good_until:
            self._fetch()
        return {"Authorization": f"Bearer {self._token}"}

    def _fetch(self) -> None:
        asked = time.monotonic()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = self._asker.ask(self._url, form, urlencode(self._form))
        except NoAnswerError as none:
            raise NoTokenError(f'Post "{self._url}": {none}') from None
        self._answered(answer.code)
        granted: Any = answer.body
        if answer.code != 200:
            if isinstance(granted, dict) and "error" in granted:
                raise NoTokenError(f'oauth2: "{granted["error"]}" "{granted["error_description"]}"')
            raise NoTokenError(f"oauth2: cannot fetch token: {answer.code}")
        self._token = granted["access_token"]
        self._good_until = asked + granted["expires_in"] / 2
