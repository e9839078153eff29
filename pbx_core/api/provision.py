"""GET /provision/<secret>/<file>: a phone fetches its settings. Whatever does not fit gets one and the same answer."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from pbx_core.api.access import Here, address_of
from pbx_core.api.answers import not_found
from pbx_core.provisioning import delivery

router = APIRouter(tags=["provisioning"])

ACCOUNT = "provisioning"  # guesses of secrets are counted together
NAME_CHARS_MAX = 64


@router.get("/provision/{secret}/{name}", response_class=Response)
def fetch(request: Request, here: Here, secret: str, name: str) -> Response:
    """The file of a phone; the secret in the address is good for one phone."""
    address = address_of(request)
    here.doorman.admit(address, ACCOUNT)
    good, file = delivery.fetch(here.db, here.settings, here.clock, secret, name[:NAME_CHARS_MAX], address)
    if file is not None:
        here.doorman.right(address, ACCOUNT)
        return Response(file.text, media_type=file.media_type)
    if not good:
        here.doorman.wrong(address, ACCOUNT)
    raise not_found()
