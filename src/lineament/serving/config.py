"""What can be chosen of the service, and what is refused because it is not safe."""

import dataclasses
import ipaddress

from lineament.core.config import Config, option
from lineament.core.errors import UsageError

MEGABYTE = 1_000_000
LEAST_TOKEN = 16  # characters: 80 bits and more where they are drawn at random
NAMES_OF_HERE = ("localhost", "127.0.0.1", "[::1]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServeConfig(Config):
    """How bundles are served."""

    host: str = option("127.0.0.1", help="The address to listen on.")
    port: int = option(
        8000, help="The port to listen on; 0 takes a free one.", minimum=0, maximum=65535
    )
    token: str | None = option(
        None, help="A secret that every request must bring (`Authorization: Bearer TOKEN`)."
    )
    allow_public: bool = option(
        False, help="Whether machines of the network may ask without a token."
    )
    allow_hosts: tuple[str, ...] = option(
        (), help="Further names under which the service is reached, such as that of a proxy."
    )
    engine: str = option(
        "auto",
        help="What computes: `auto` is OpenVINO where it is proved right, else ONNX Runtime.",
        choices=("auto", "onnxruntime", "openvino"),
    )
    threads: int | None = option(None, help="Photos at once (one per core).", minimum=1)
    queue: int = option(
        64, help="Photos that may wait; more are refused with 429.", minimum=1, maximum=100_000
    )
    deadline_s: float = option(
        30.0, help="Seconds in which a photo must be begun; else 503.", minimum=0.1, maximum=3600
    )
    upload_s: float = option(
        20.0, help="Seconds in which a request must have arrived; else 408.", minimum=0.1
    )
    max_megabytes: float = option(
        20.0, help="Largest request, in millions of bytes.", minimum=0.01, maximum=1000
    )
    max_uploads_megabytes: float = option(
        100.0,
        help="Most that all requests which are arriving or waiting may hold together, in millions "
        "of bytes; more are refused with 429.",
        minimum=0.01,
        maximum=100_000,
    )
    max_megapixels: float = option(
        40.0, help="Largest photo, in millions of pixels.", minimum=0.01, maximum=89
    )
    max_photos: int = option(16, help="Most photos in a request.", minimum=1, maximum=1000)
    max_connections: int = option(
        500, help="Most connections at once; more are refused with 503.", minimum=1
    )
    certificate: str | None = option(
        None, help="A PEM file that makes it HTTPS, which browsers want for a camera elsewhere."
    )
    key: str | None = option(None, help="The certificate's private key, a PEM file.")
    feedback: str | None = option(
        None, help="A folder in which photos are kept that somebody corrects or collects."
    )
    max_kept: int = option(100_000, help="Most photos that are kept.", minimum=1)

    def __post_init__(self) -> None:
        """Check every field, and that the service is not open to everybody by mistake.

        Raises:
            UsageError: A field is out of range, the address is not this machine's own and nothing
                guards it, or the token can be guessed.
        """
        super().__post_init__()
        if self.token is not None and len(self.token) < LEAST_TOKEN:
            raise UsageError(
                f"The token has {len(self.token)} characters, and can be guessed.",
                fix=f"Give {LEAST_TOKEN} or more, such as those of `openssl rand -hex 16`.",
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise UsageError(
                "The token has letters that a header cannot carry.",
                fix="Use letters, digits and signs of ASCII, such as `openssl rand -hex 16` gives.",
            )
        if not self.is_local and self.token is None and not self.allow_public:
            raise UsageError(
                f"{self.host} can be reached from other machines, and nothing says who may ask.",
                fix="Give a `--token`, or say `--allow-public` where everybody may.",
            )
        if (self.certificate is None) != (self.key is None):
            raise UsageError(
                "Of certificate and key one alone was given.", fix="Give both, or neither."
            )
        if self.max_photos > self.queue:
            raise UsageError(
                f"A request of {self.max_photos} photos never fits in a queue of {self.queue}.",
                fix="Make `queue` larger, or `max_photos` smaller.",
            )
        if self.max_megabytes > self.max_uploads_megabytes:
            raise UsageError(
                f"A request of {self.max_megabytes:g} MB never fits in uploads of "
                f"{self.max_uploads_megabytes:g} MB.",
                fix="Make `max_uploads_megabytes` larger, or `max_megabytes` smaller.",
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def max_bytes(self) -> int:
        """Largest request, in bytes."""
        return int(self.max_megabytes * MEGABYTE)

    @property
    def max_uploads_bytes(self) -> int:
        """Most that all requests may hold together, in bytes."""
        return int(self.max_uploads_megabytes * MEGABYTE)

    @property
    def max_pixels(self) -> int:
        """Largest photo, in pixels."""
        return int(self.max_megapixels * MEGABYTE)

    @property
    def host_names(self) -> frozenset[str] | None:
        """Names, in small letters, that a request may address; ``None`` allows every one.

        A page of elsewhere can give a name of its own the address 127.0.0.1, and its script then
        asks this service as if it were the page's (DNS rebinding); but it cannot change the name.
        """
        if not self.is_local and not self.allow_hosts:
            return None
        own = f"[{self.host}]" if ":" in self.host else self.host
        return frozenset(name.lower() for name in (*NAMES_OF_HERE, own, *self.allow_hosts))
