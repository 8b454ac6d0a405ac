"""Gets tokens with msal and says what it was given: one JSON object on standard input, one on standard output.

in   ports        where the ports 443 and 80 of every host are: {"443": [address, port], …}
     trusted      the one authority that is trusted, as PEM; null for those that everybody trusts
     application  the arguments of msal.ConfidentialClientApplication
     cache        a serialized token cache; null for none
     calls        what is called in turn: [method, arguments by name]; for acquire_token_silent the account is the only one there is
out  msal         the version
     tls13        can this Python speak TLS 1.3?
     answers      what the calls returned, and
     cache        the token cache after that, serialized; or
     raised       the exception that came instead, and
     reason       its text
"""

import functools
import json
import pathlib
import socket
import ssl
import sys
import tempfile

import msal
import requests


def lead_to(ports):
    """Host names stay what they are, for SNI, certificates and `Host`; only their addresses are others. No other port is reached."""
    look_up = socket.getaddrinfo

    def getaddrinfo(host, port, *rest, **named):
        if str(port) not in ports:
            raise socket.gaierror(f"port {port} of {host} is not led anywhere")
        address, port = ports[str(port)]
        return look_up(address, port, *rest, **named)

    socket.getaddrinfo = getaddrinfo


def session(trusted):
    made = requests.Session()
    # Neither a proxy nor a list of authorities from the environment.
    made.trust_env = False
    made.verify = str(trusted) if trusted else True
    made.request = functools.partial(made.request, timeout=20)
    return made


def acquire(ask):
    with tempfile.TemporaryDirectory() as folder:
        trusted = None
        if ask["trusted"]:
            trusted = pathlib.Path(folder, "trusted.pem")
            trusted.write_text(ask["trusted"])
        cache = msal.SerializableTokenCache()
        cache.deserialize(ask["cache"])
        client = msal.ConfidentialClientApplication(
            http_client=session(trusted), token_cache=cache, **ask["application"]
        )
        answers = [call(client, *named) for named in ask["calls"]]
        return {"answers": answers, "cache": cache.serialize()}


def call(client, method, arguments):
    if method == "acquire_token_silent":
        (account,) = client.get_accounts()
        arguments = {"account": account, **arguments}
    return getattr(client, method)(**arguments)


ask = json.load(sys.stdin)
lead_to(ask["ports"])
said = {"msal": msal.__version__, "tls13": ssl.HAS_TLSv1_3}
try:
    said.update(acquire(ask))
except Exception as error:
    said["raised"], said["reason"] = type(error).__name__, str(error)
json.dump(said, sys.stdout)
