"""Times msal for Python: a cached call, and a miss whose transport answers at once. Prints JSON, times in nanoseconds."""

import json
import sys
import time

import msal

SAMPLES, SIZES = int(sys.argv[1]), [int(size) for size in sys.argv[2].split(",")]
AUTHORITY = "https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222"
TOKEN = "x" * 1800


class Answer:
    def __init__(self, document):
        self.status_code, self.headers, self.text = 200, {}, json.dumps(document)

    def raise_for_status(self):
        pass


class Transport:
    """Answers every question at once."""

    def __init__(self, lives):
        self.grant = Answer({"token_type": "Bearer", "expires_in": lives, "access_token": TOKEN})
        endpoint = AUTHORITY + "/oauth2/v2.0/"
        self.metadata = Answer({
            "token_endpoint": endpoint + "token",
            "authorization_endpoint": endpoint + "authorize",
            "issuer": "https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222/v2.0",
        })

    def post(self, url, **arguments):
        return self.grant

    def get(self, url, **arguments):
        return self.metadata

    def close(self):
        pass


def client(lives, cache=None):
    return msal.ConfidentialClientApplication(
        "11111111-1111-1111-1111-111111111111",
        client_credential="a secret",
        authority=AUTHORITY,
        http_client=Transport(lives),
        instance_discovery=False,
        token_cache=cache,
    )


def median(call):
    """The median of batches that take a fiftieth of a second each at least."""
    times, taken = 1, []
    while True:
        begin = time.perf_counter_ns()
        for number in range(times):
            call(number)
        if time.perf_counter_ns() - begin > 20_000_000:
            break
        times *= 2
    for _ in range(SAMPLES):
        begin = time.perf_counter_ns()
        for number in range(times):
            call(number)
        taken.append((time.perf_counter_ns() - begin) / times)
    return sorted(taken)[len(taken) // 2]


def filled(size):
    """A cache of so many scopes: one that was fetched, and others after its pattern, since each fetch searches the whole cache."""
    cache = msal.SerializableTokenCache()
    assert "access_token" in client(86_400, cache).acquire_token_for_client(["https://resource0.example/.default"])
    document = json.loads(cache.serialize())
    [(key, entry)] = document["AccessToken"].items()
    for number in range(1, size):
        name = "resource%d" % number
        target = entry["target"].replace("resource0", name)
        document["AccessToken"][key.replace("resource0", name)] = {**entry, "target": target}
    cache.deserialize(json.dumps(document))
    return cache


def cached(size):
    application = client(86_400, filled(size))
    scopes = [["https://resource%d.example/.default" % number] for number in range(size)]

    def call(number):
        result = application.acquire_token_for_client(scopes[number * 7919 % size])
        assert result["token_source"] == "cache"

    return median(call)


def miss():
    application = client(60)

    def call(number):
        result = application.acquire_token_for_client(["https://vault.azure.net/.default"])
        assert result["token_source"] == "identity_provider"

    return median(call)


print(json.dumps({
    "version": msal.__version__,
    "cached": [[size, cached(size)] for size in SIZES],
    "miss": miss(),
}))
