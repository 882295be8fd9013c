"""The files by which the servers of a control plane and their clients know each other."""

import json
import os
from pathlib import Path

import trustme

ADMIN = "testbed-admin"
KWOK = "testbed-kwok"
CONTROLLER_MANAGER = "system:kube-controller-manager"
SCHEDULER = "system:kube-scheduler"
# Token users with their groups: their names tell them apart in the audit log.
_USERS = {ADMIN: "system:masters", KWOK: "system:masters", CONTROLLER_MANAGER: "", SCHEDULER: ""}


class Credentials:
    """Certificates, tokens and kubeconfigs, written to a directory as they are made."""

    def __init__(self, directory: Path, url: str) -> None:
        self._directory = directory
        self._url = url
        self.authority_file = directory / "ca.pem"
        self.server_certificate = directory / "server.pem"
        self.server_key = directory / "server.key"
        self.accounts_key = directory / "accounts.key"
        """Signs the tokens of ServiceAccounts."""
        self.tokens_file = directory / "tokens.csv"
        self.authority = self._write_certificates()
        tokens = {user: os.urandom(24).hex() for user in _USERS}
        lines = [f'{tokens[user]},{user},{user},"{group}"\n' for user, group in _USERS.items()]
        self.tokens_file.write_text("".join(lines))
        self.admin_token = tokens[ADMIN]
        self._kubeconfigs = {
            user: self.write_kubeconfig(user.replace(":", "."), token)
            for user, token in tokens.items()
        }

    def kubeconfig(self, user: str) -> Path:
        """Return the file of one of the users above."""
        return self._kubeconfigs[user]

    def write_kubeconfig(self, name: str, token: str, namespace: str = "default") -> Path:
        """Write a kubeconfig (mode 0600) for whoever has the token."""
        path = self._directory / f"{name}.kubeconfig"
        cluster = {"server": self._url, "certificate-authority": str(self.authority_file)}
        context = {"cluster": "testbed", "user": name, "namespace": namespace}
        path.touch(mode=0o600)
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "testbed",
                    "clusters": [{"name": "testbed", "cluster": cluster}],
                    "users": [{"name": name, "user": {"token": token}}],
                    "contexts": [{"name": "testbed", "context": context}],
                },
                indent=2,
            )
        )
        return path

    def _write_certificates(self) -> str:
        authority = trustme.CA()
        server = authority.issue_cert("127.0.0.1", "localhost")
        # Only the key is used.
        accounts = authority.issue_cert("accounts.testbed")
        authority.cert_pem.write_to_path(str(self.authority_file))
        server.private_key_pem.write_to_path(str(self.server_key))
        for certificate in server.cert_chain_pems:
            certificate.write_to_path(str(self.server_certificate), append=True)
        accounts.private_key_pem.write_to_path(str(self.accounts_key))
        return authority.cert_pem.bytes().decode()
