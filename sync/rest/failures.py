"""Which fault it is when a call to the store fails: silence, nonsense, or one of two certificates.

Not responsible for: answers that came whole (client.py).
"""

import http.client
import ssl
from collections.abc import Iterator

import urllib3

from kiosk.fault import Fault

# Under TLS 1.3 the store judges our certificate when our side of the handshake is over: an alert on the first read.
_OURS_REFUSED = frozenset(
    {
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_DECRYPT_ERROR",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    }
)
_NOT_YET_VALID = 9  # X509_V_ERR_CERT_NOT_YET_VALID: by our clock
_CUT = (
    ConnectionError,
    TimeoutError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    http.client.RemoteDisconnected,
)
_NONSENSE = (
    http.client.HTTPException,
    urllib3.exceptions.InvalidHeader,
    urllib3.exceptions.InvalidChunkLength,
    urllib3.exceptions.DecodeError,
    UnicodeError,
)


def fault_of(error: BaseException) -> Fault:
    """Silent unless a cause says more: a refused machine must not believe that it is merely off-line."""
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError(verify_code=code) if code == _NOT_YET_VALID:
                return Fault.CLOCK_BEHIND
            case ssl.SSLCertVerificationError():
                return Fault.STORE_NOT_TRUSTED
            case ssl.SSLError() if cause.reason in _OURS_REFUSED:
                return Fault.STORE_REFUSES_DEVICE
            case _ if isinstance(cause, _CUT):
                return Fault.STORE_SILENT
            case ssl.SSLError():  # no TLS 1.3, or no TLS at all: somebody else's server
                return Fault.STORE_NONSENSE
            case _ if isinstance(cause, _NONSENSE):
                return Fault.STORE_NONSENSE
            case _:
                continue
    return Fault.STORE_SILENT


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps, innermost first: requests and urllib3 hold causes in args and `reason`."""
    inside = [getattr(error, "reason", None), error.__cause__, *error.args]
    for cause in inside:
        if isinstance(cause, BaseException):
            yield from _causes(cause)
    yield error
