"""Uploads: the photos of a request, read into memory within limits of size, number and time.

A request is ``multipart/form-data`` with parts called ``photo``, one photo as it is (``image/*`` or
``application/octet-stream``), or JSON with base64. Nothing is written to a disk, and no name that a
request brings is used as a path.
"""

import asyncio
import base64
import binascii
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping

import pydantic
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from lineament.core.errors import UsageError
from lineament.serving.admission import Admission
from lineament.serving.config import ServeConfig
from lineament.serving.problems import ProblemError, shown

PART = "photo"
MULTIPART, JSON, BYTES, IMAGE = (
    *("multipart/form-data", "application/json", "application/octet-stream", "image/"),
)
MAX_FIELDS = 20
MAX_FIELD_BYTES = 4_000
WAYS = (
    f"Send `{MULTIPART}` with parts called `{PART}`, one photo as `image/jpeg` or `{BYTES}`, or "
    f"`{JSON}` with `photos`."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Upload:
    """A photo of a request.

    Attributes:
        name: What the request calls it; only ever shown.
        data: The file's bytes.
    """

    name: str
    data: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Uploads:
    """What a request brings.

    Attributes:
        photos: In the order in which they came.
        fields: Further texts of a form.
    """

    photos: tuple[Upload, ...]
    fields: Mapping[str, str]


class PhotoInJson(pydantic.BaseModel):
    """A photo in JSON."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    data_base64: str = pydantic.Field(
        description="The file's bytes.",
        json_schema_extra={"format": "byte", "contentEncoding": "base64"},
    )
    name: str = pydantic.Field("", description="What to call it in the answer.")


class PhotosInJson(pydantic.BaseModel):
    """Photos in JSON."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    photos: list[PhotoInJson] = pydantic.Field(min_length=1)


class _InMemory(MultiPartParser):
    spool_max_size = 2**62  # a file of any size stays in memory; its size has a limit before that


@contextlib.asynccontextmanager
async def uploads(
    request: Request, config: ServeConfig, admission: Admission
) -> AsyncIterator[Uploads]:
    """Read what a request brings, which counts as held until the block ends.

    Raises:
        ProblemError: It is too large (413), of another type (415), came too slowly (408), or there
            is no memory for it now (429).
        UsageError: It is not what its type says, or has no photo.
    """
    body = _Body(request, config, admission)
    try:
        yield await _in_time(_read(request, body.chunks(), config), config.upload_s)
    finally:
        admission.give_back(body.held)


async def _in_time(reading: Coroutine[None, None, Uploads], seconds: float) -> Uploads:
    """What is read; too late is said of that alone, not of what is done with it."""
    try:
        async with asyncio.timeout(seconds):
            return await reading
    except TimeoutError as error:
        raise ProblemError(
            408,
            f"The request did not arrive within {seconds:g} s.",
            fix="Send smaller photos, or over a faster connection.",
            headers={"connection": "close"},
        ) from error


class _Body:
    """The bytes of a request as they come, counted."""

    def __init__(self, request: Request, config: ServeConfig, admission: Admission) -> None:
        self._request, self._config, self._admission = request, config, admission
        self.held = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        stated = self._request.headers.get("content-length", "")
        if stated.isdecimal() and int(stated) > self._config.max_bytes:
            raise self._too_large()
        try:
            async for chunk in self._request.stream():
                if self.held + len(chunk) > self._config.max_bytes:
                    raise self._too_large()
                self._admission.hold(len(chunk))
                self.held += len(chunk)
                yield chunk
        except ClientDisconnect as error:
            # Nobody hears it; it ends the work.
            raise UsageError("The request ended in its middle.", fix="Send it again.") from error

    def _too_large(self) -> ProblemError:
        return ProblemError(
            413,
            f"A request may have {self._config.max_megabytes:g} MB at most.",
            fix="Send smaller photos, or fewer at a time.",
        )


async def _read(
    request: Request, chunks: AsyncGenerator[bytes, None], config: ServeConfig
) -> Uploads:
    stated = request.headers.get("content-type", "")
    kind = stated.partition(";")[0].strip().lower()
    if kind == MULTIPART:
        return await _form(request, chunks, config)
    if kind == JSON:
        data = b"".join([chunk async for chunk in chunks])
        return Uploads(photos=await run_in_threadpool(_of_json, data, config), fields={})
    if kind == BYTES or (kind.startswith(IMAGE) and kind != IMAGE):
        data = b"".join([chunk async for chunk in chunks])
        return Uploads(photos=(Upload(name="", data=data),), fields={})
    raise ProblemError(
        415,
        f"A request of type {shown(kind)} is not understood."
        if kind
        else "The request does not say of which type it is.",
        fix=WAYS,
    )


async def _form(
    request: Request, chunks: AsyncGenerator[bytes, None], config: ServeConfig
) -> Uploads:
    parser = _InMemory(
        request.headers,
        chunks,
        max_files=config.max_photos,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise _too_many(config.max_photos) from error
        raise UsageError(f"The form cannot be read: {error.message}", fix=WAYS) from error
    photos, fields, strange = [], {}, []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile) and name == PART:
            photos.append(Upload(name=shown(value.filename or ""), data=await value.read()))
        elif isinstance(value, str) and name != PART:
            fields[name] = value
        else:
            strange.append(shown(name))
    await form.close()
    if strange:
        raise UsageError("Some parts are not understood.", at=strange, fix=WAYS)
    if not photos:
        raise UsageError(f"The form has no file called `{PART}`.", fix=WAYS)
    return Uploads(photos=tuple(photos), fields=fields)


def _of_json(data: bytes, config: ServeConfig) -> tuple[Upload, ...]:
    try:
        said = PhotosInJson.model_validate_json(data)
    except pydantic.ValidationError as error:
        raise UsageError(
            "The JSON is not what was expected.",
            at=[
                f"{'.'.join(map(str, each['loc'])) or 'the document'} ({each['msg']})"
                for each in error.errors(include_url=False, include_input=False)
            ],
            fix='Send {"photos": [{"name": "a.jpg", "data_base64": "..."}]}.',
        ) from error
    if len(said.photos) > config.max_photos:
        raise _too_many(config.max_photos)
    found = []
    for number, photo in enumerate(said.photos):
        try:
            content = base64.b64decode(photo.data_base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise UsageError(
                "Some photos are not base64.",
                at=[f"photos.{number}.data_base64 ({error})"],
                fix="Use the alphabet of RFC 4648, section 4, without line breaks.",
            ) from error
        found.append(Upload(name=shown(photo.name), data=content))
    return tuple(found)


def _too_many(most: int) -> ProblemError:
    return ProblemError(
        413,
        f"A request may have {most} photo{'s' if most > 1 else ''} at most.",
        fix="Send them in several requests.",
    )
