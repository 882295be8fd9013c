"""What the findings of the check types mean, in a few words."""

from typing import Final

WORDS: Final[dict[str, dict[str, str]]] = {
    "workload": {
        "TooFewConfigured": "too few replicas are configured",
        "NotReady": "too few pods are ready",
        "ImagePull": "an image cannot be pulled",
        "ConfigError": "a container cannot be configured",
        "CrashLoop": "a container crashes again and again",
        "Restarting": "containers restart too often",
        "RolloutFailed": "a rollout does not get on",
    },
    "resource": {
        "ConditionNotMet": "an object is not in that state",
        "Missing": "the object does not exist",
    },
    "events": {"Found": "there are such Events"},
    "logs": {
        "TooMany": "there are too many",
        "TooFew": "there are too few",
        "SinglePod": "only one of several pods is bad",
    },
    "leader": {
        "None": "a worker has no leader",
        "Many": "a worker has several leaders",
        "NoHeartbeat": "a leader shows no sign of work",
    },
    "sql": {
        "TooMany": "it is more than allowed",
        "TooFew": "it is less than allowed",
        "Empty": "the query gives nothing",
    },
    "stuckRows": {
        "Stuck": "rows stay in a status for too long",
        "TooMany": "too many rows are in a status",
        "TooFew": "too few rows are in a status",
    },
    "prometheus": {
        "Above": "the value is too high",
        "Below": "the value is too low",
        "Firing": "the alert fires",
        "Empty": "there is no value",
    },
    "http": {
        "Timeout": "no answer in time",
        "Refused": "the connection is refused",
        "Reset": "the connection is cut",
        "TLS": "the certificate or the encryption is not accepted",
        "Malformed": "the answer is no HTTP",
        "Status": "another code",
        "Latency": "the answer is too slow",
        "Body": "the body is not as it should be",
    },
    "config": {
        "Missing": "a value is not set",
        "Empty": "a value is empty",
        "TooShort": "a value is too short",
        "Differs": "a value is another one",
    },
    "networkPolicy": {
        "Missing": "no policy admits a peer",
        "TooNarrow": "a peer is not admitted on all ports",
        "TooWide": "others are admitted too",
        "SelectsNoPod": "no pod has these labels",
    },
}
"""By check type and finding; the findings that an SOP names itself speak for themselves."""
