"""Microsoft's own package, msgraph-sdk, on the Kiota adapter that ``MSGraphAsyncOperator`` uses too: send only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from benchmarks.child import serve
from benchmarks.contenders.replies import Target, connection, graph_token, targets

_OF_ONE_MAILBOX = 4


def prepare(job: dict[str, Any]) -> Callable[[], Any]:
    """Return its work."""
    from kiota_abstractions.authentication import (
        AccessTokenProvider,
        AllowedHostsValidator,
        BaseBearerTokenAuthenticationProvider,
    )
    from msgraph.generated.users.item.events.item.accept.accept_post_request_body import AcceptPostRequestBody
    from msgraph.graph_request_adapter import GraphRequestAdapter
    from msgraph.graph_service_client import GraphServiceClient

    class Token(AccessTokenProvider):
        """The token of the application; azure-identity signs in over https only."""

        token = ""

        async def get_authorization_token(self, uri: str, additional: Any = None) -> str:
            return self.token

        def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
            return AllowedHostsValidator([])

    async def send_all() -> int:
        provider = Token()
        provider.token = graph_token(job)
        adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(provider))
        adapter.base_url = connection(job)["host"] + "/v1.0"
        client = GraphServiceClient(request_adapter=adapter)
        asked = targets(job)
        places = {each.mailbox: asyncio.Semaphore(_OF_ONE_MAILBOX) for each in asked}

        async def send(target: Target) -> None:
            async with places[target.mailbox]:
                event = client.users.by_user_id(str(target.mailbox)).events.by_event_id(target.event_id)
                await event.accept.post(AcceptPostRequestBody(send_response=True))

        await asyncio.gather(*map(send, asked))
        return len(asked)

    return lambda: asyncio.run(send_all())


if __name__ == "__main__":
    serve(prepare)
